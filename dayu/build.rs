//! Links a release without what no daemon ever reads.
#![allow(clippy::print_stdout)] // How a build script speaks to cargo.
use std::{env, error::Error, path::Path, process::Command};

/// One copy of functions that are the same code under several names.
const FOLDED: [&str; 1] = ["--icf=all"];

/// A panic ends a release, so the tables by which one would be unwound are left out.
const NO_UNWINDING: &str = "no-unwinding.ld";

/// The table of what the loader moves, a bit for each address in place of 24 bytes.
const PACKED: [&str; 2] = ["-z", "pack-relative-relocs"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={NO_UNWINDING}");
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let Some(prefix) = lld()?.filter(|_| env::var("PROFILE").is_ok_and(|profile| profile == "release")) else {
        return Ok(());
    };
    let script = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(NO_UNWINDING).display().to_string();
    let packed = loader_reads_packed()?.then_some(PACKED);
    for argument in FOLDED.into_iter().chain(["-T", &script]).chain(packed.into_iter().flatten()) {
        println!("cargo:rustc-link-arg-bins={prefix}{argument}");
    }
    Ok(())
}

/// What goes before an argument for the linker, if that is the one that comes with the compiler and knows all of these.
fn lld() -> Result<Option<&'static str>, Box<dyn Error>> {
    if env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link")) {
        return Ok(None);
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        return Ok(linker.ends_with("lld").then_some(""));
    }
    let (rustc, target) = (env::var("RUSTC")?, env::var("TARGET")?);
    let root = String::from_utf8(Command::new(rustc).args(["--print", "sysroot"]).output()?.stdout)?;
    let own = Path::new(root.trim()).join("lib/rustlib").join(&target).join("bin/gcc-ld/ld.lld");
    // The C compiler calls it, unless told otherwise, on this target only.
    Ok((target == "x86_64-unknown-linux-gnu" && own.exists()).then_some("-Wl,"))
}

/// Whether the C library, this system's or the compiler's own, is recent enough.
fn loader_reads_packed() -> Result<bool, Box<dyn Error>> {
    Ok(match env::var("CARGO_CFG_TARGET_ENV")?.as_str() {
        "gnu" => env::var("HOST")? == env::var("TARGET")? && version("getconf", "GNU_LIBC_VERSION") >= Some((2, 36)),
        "musl" => version(&env::var("RUSTC")?, "--version") >= Some((1, 93)),
        _ => false,
    })
}

/// The second word of what a program says of itself, as in `glibc 2.36`.
fn version(program: &str, question: &str) -> Option<(u32, u32)> {
    let said = String::from_utf8(Command::new(program).arg(question).output().ok()?.stdout).ok()?;
    let mut parts = said.split_whitespace().nth(1)?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}
