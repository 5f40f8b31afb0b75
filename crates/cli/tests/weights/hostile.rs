//! Files that are damaged, or made to do harm: a clear error, exit 2, nothing written.

use super::*;

/// A safetensors file with a header of our own making and so many bytes of data.
fn raw(folder: &Folder, name: &str, header: &str, data: usize) {
    fs::create_dir_all(folder.at(name)).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    fs::write(folder.at(name).join("model.safetensors"), bytes).unwrap();
}

fn entry(dtype: &str, shape: &str, from: usize, to: usize) -> String {
    format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#)
}

#[test]
fn bad_input_is_refused() {
    let f = Folder::new();
    model(&f);
    let weight = entry("BF16", "[4,32]", 0, 256);
    raw(&f, "escape", &format!(r#"{{"../../x":{weight}}}"#), 256);
    raw(&f, "overlap", &format!(r#"{{"a":{weight},"b":{}}}"#, entry("BF16", "[4,32]", 128, 384)), 384);
    raw(&f, "dtype", &format!(r#"{{"a":{}}}"#, entry("BF17", "[4,32]", 0, 256)), 256);
    raw(&f, "size", &format!(r#"{{"a":{}}}"#, entry("F32", "[4,32]", 0, 256)), 256);
    raw(&f, "repeated", &format!(r#"{{"a.weight":{weight},"a.weight":{weight}}}"#), 256);
    raw(&f, "text", "{", 0);
    fs::create_dir_all(f.at("huge")).unwrap();
    fs::write(f.at("huge/model.safetensors"), (1u64 << 60).to_le_bytes()).unwrap();
    fs::create_dir_all(f.at("short")).unwrap();
    fs::write(f.at("short/model.safetensors"), [1, 2, 3]).unwrap();
    fs::create_dir_all(f.at("gguf")).unwrap();
    fs::write(f.at("gguf/model.gguf"), b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0").unwrap();
    let copy = |name: &str| {
        fs::create_dir_all(f.at(name)).unwrap();
        for entry in fs::read_dir(f.at("bf16")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, f.at(name).join(path.file_name().unwrap())).unwrap();
        }
        f.at(name).join("model-00002-of-00002.safetensors")
    };
    let cut = copy("truncated");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 7]).unwrap();
    fs::remove_file(copy("missing")).unwrap();
    let twice = copy("twice");
    write(&twice, &[bf16("model.embed_tokens.weight", &[16, 128], 1)]);
    copy("outside");
    let index = json!({ "weight_map": { "a": "../bf16/model-00001-of-00002.safetensors" } });
    fs::write(f.at("outside/model.safetensors.index.json"), index.to_string()).unwrap();
    let mut special = bf16("a.weight", &[4, 32], 1);
    special.3[2..4].copy_from_slice(&0x7fc0u16.to_le_bytes());
    fs::create_dir_all(f.at("nan")).unwrap();
    write(&f.at("nan/model.safetensors"), &[special]);
    // A type that has no values to convert.
    fs::create_dir_all(f.at("int8")).unwrap();
    let scales = ("a.weight_scale", Dtype::F32, vec![4, 1], vec![0; 16]);
    write(&f.at("int8/model.safetensors"), &[scales, ("a.weight", Dtype::I8, vec![4, 64], vec![1; 256])]);

    let mut all = String::new();
    for name in [
        "escape",
        "overlap",
        "dtype",
        "size",
        "repeated",
        "text",
        "huge",
        "short",
        "gguf",
        "truncated",
        "missing",
        "twice",
        "outside",
        "nan",
        "int8",
    ] {
        let (exit, out, err) = steelyard(&f, &format!("quantize {name} out --to mxfp8"));
        assert_eq!((exit, out.as_str()), (2, ""), "{name}: {err}");
        assert!(!f.at("out").exists(), "{name}");
        all.push_str(&format!("{name}: {err}"));
        let _ = fs::remove_dir_all(f.at("out.partial"));
    }
    insta::assert_snapshot!(all);
}
