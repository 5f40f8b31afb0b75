//! Data types of stored tensors.

use super::gguf::GgufType;

macro_rules! dtypes {
    ($($name:ident, $text:literal, $bits:literal;)*) => {
        /// The type of a stored tensor's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Dtype {
            $($name,)*
            /// A block type of GGUF.
            Gguf(GgufType),
        }

        impl Dtype {
            /// The type that a safetensors header names.
            pub fn from_name(name: &str) -> Option<Dtype> {
                match name {
                    $($text => Some(Dtype::$name),)*
                    _ => None,
                }
            }

            /// The name as safetensors (or GGUF) spells it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Dtype::$name => $text,)*
                    Dtype::Gguf(t) => t.name(),
                }
            }

            /// Every name that safetensors knows, for messages.
            pub fn names() -> String {
                [$($text),*].join(", ")
            }

            /// Bits of `n` elements, or `None` if that overflows or, for block types, does not fill blocks.
            pub fn bits_of(self, n: u64) -> Option<u64> {
                match self {
                    $(Dtype::$name => n.checked_mul($bits),)*
                    Dtype::Gguf(t) => {
                        let (values, bytes) = t.block();
                        n.is_multiple_of(values).then(|| (n / values).checked_mul(bytes * 8)).flatten()
                    }
                }
            }
        }
    };
}

dtypes! {
    Bool, "BOOL", 8;
    F4, "F4", 4;
    F6E2M3, "F6_E2M3", 6;
    F6E3M2, "F6_E3M2", 6;
    U8, "U8", 8;
    I8, "I8", 8;
    F8E5M2, "F8_E5M2", 8;
    F8E4M3, "F8_E4M3", 8;
    F8E8M0, "F8_E8M0", 8;
    F8E4M3Fnuz, "F8_E4M3FNUZ", 8;
    F8E5M2Fnuz, "F8_E5M2FNUZ", 8;
    I16, "I16", 16;
    U16, "U16", 16;
    F16, "F16", 16;
    Bf16, "BF16", 16;
    I32, "I32", 32;
    U32, "U32", 32;
    F32, "F32", 32;
    C64, "C64", 64;
    F64, "F64", 64;
    I64, "I64", 64;
    U64, "U64", 64;
}

impl Dtype {
    /// Whether the elements are floats that we read as values: BF16, F16, F32, and the GGUF types.
    pub fn is_dense(self) -> bool {
        matches!(self, Dtype::Bf16 | Dtype::F16 | Dtype::F32 | Dtype::Gguf(_))
    }

    /// Bytes of one element, at least 1: the alignment that readers want.
    pub fn alignment(self) -> u64 {
        (self.bits_of(1).unwrap_or(8) / 8).max(1)
    }
}
