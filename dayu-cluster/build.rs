//! Packs the definitions that Kubernetes publishes, each by itself: as text they would be a thirtieth of the program.
#![allow(clippy::print_stdout)] // How a build script speaks to cargo.
use std::{env, error::Error, fmt::Write, fs, path::Path};

use miniz_oxide::deflate::compress_to_vec;

const TEXT: &str = "src/schema/builtin/openapi/definitions.txt";
const SMALLEST: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={TEXT}");
    let mut table = String::from("[\n");
    for line in fs::read_to_string(TEXT)?.lines() {
        let (name, schema) =
            line.split_once(' ').ok_or_else(|| format!("{TEXT}: `{line}` is a name without a schema"))?;
        writeln!(table, "    ({name:?}, b\"{}\"),", compress_to_vec(schema.as_bytes(), SMALLEST).escape_ascii())?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("definitions.rs"), table)?;
    Ok(())
}
