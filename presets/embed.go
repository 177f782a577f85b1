// Package presets embeds named sets of answers.
package presets

import "embed"

// FS holds one YAML file per preset, with the keys title, help and answers.
//
//go:embed *.yaml
var FS embed.FS
