//! The flags of `completions` and of `man`.

use std::path::PathBuf;

use clap_complete::Shell;

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  batchcast completions bash > ~/.local/share/bash-completion/completions/batchcast
  batchcast completions zsh > ~/.zfunc/_batchcast     (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  batchcast completions fish > ~/.config/fish/completions/batchcast.fish";

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  batchcast man | man -l -
  batchcast man --out-dir ~/.local/share/man/man1      (a page for each command)";

#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command to this directory, instead of the first one to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
}
