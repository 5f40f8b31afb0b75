//! The page of a plan as text; how it looks is for eyes.

use sha2::{Digest, Sha256};

use super::{STYLE, STYLE_HASH};
use crate::report::tests::base64;

#[test]
fn policy_lets_this_style_show() {
    assert_eq!(base64(&Sha256::digest(STYLE)), STYLE_HASH, "put the left value into STYLE_HASH");
}
