package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// released is set when a release is built: -ldflags "-X main.released=1.2.3".
var released string

// version is the release, or "dev" for a build from a checkout.
func version() string {
	if released != "" {
		return released
	}
	return "dev"
}

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  kitout version\n  kitout version --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if !asJSON {
				fmt.Fprintf(s.out, "kitout %s\n", version())
				return nil
			}
			commit, date := buildSource()
			return encode(s, map[string]string{
				"version": version(), "commit": commit, "date": date, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// buildSource is the commit that the program was built from, and the commit's date, where the build recorded them.
func buildSource() (commit, date string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			commit = setting.Value
		case "vcs.time":
			date = setting.Value
		}
	}
	return commit, date
}
