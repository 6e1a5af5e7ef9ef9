//! What stands between ```` ```console ```` and ```` ``` ````.
use std::path::Path;

/// Commands that are typed one after the other into one shell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// File and line.
    pub(super) place: String,
    /// Why no test can run it, if none can.
    pub(super) not_run: Option<String>,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) text: String,
    /// It goes on until somebody ends it.
    pub(super) streams: bool,
}

impl Command {
    /// Reads what follows the prompt.
    pub(super) fn read(typed: &str) -> Self {
        let (text, comment) = typed.split_once(" # ").unwrap_or((typed, ""));
        Self { text: text.trim().to_owned(), streams: comment.contains("until Ctrl-C") }
    }
}

/// What the line above a block says of it.
fn not_run(above: &str) -> Option<String> {
    above.trim().strip_prefix("<!-- not run: ")?.strip_suffix(" -->").map(str::to_owned)
}

/// The blocks of a document.
pub(super) fn blocks(file: &Path, text: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut above) = (Vec::new(), None::<Block>, "");
    for (at, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => block.commands.extend(line.strip_prefix("$ ").map(Command::read)),
            None if line == "```console" => {
                let place = format!("{}:{}", file.display(), at + 1);
                open = Some(Block { place, not_run: not_run(above), commands: Vec::new() });
            }
            None => {}
        }
        above = line;
    }
    blocks
}

#[test]
fn a_block_is_its_commands_and_where_they_run() {
    let text = "\
text
```console
$ one --flag   # what it does
an answer
$ two '#x'     # until Ctrl-C
```
```sh
three
```
<!-- not run: it cannot be -->
```console
$ four
```
";
    let command = |text: &str, streams| Command { text: text.to_owned(), streams };
    let block = |line, why: Option<&str>, commands| Block {
        place: format!("a.md:{line}"),
        not_run: why.map(str::to_owned),
        commands,
    };
    let expected = [
        block(2, None, vec![command("one --flag", false), command("two '#x'", true)]),
        block(11, Some("it cannot be"), vec![command("four", false)]),
    ];
    assert_eq!(blocks(Path::new("a.md"), text), expected);
}
