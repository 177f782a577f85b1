// Package templates embeds the layers that kitout renders; docs/layers.md describes their format.
package templates

import "embed"

// FS holds a folder per question and, in it, a folder per choice. The prefix all: keeps dotfiles and __init__.py, which
// embedding leaves out otherwise.
//
//go:embed all:*
var FS embed.FS
