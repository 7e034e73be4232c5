package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const versionHelp = `Print the version that this program was built from.

  lamina version
  lamina version --json`

// buildInfo is what the Go tool recorded of the build.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (s *session) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Long: versionHelp, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if s.json {
				return s.printJSON(b)
			}
			s.printf("lamina %s %s %s\n", b.Version, b.Go, b.Platform)
			if b.Revision != "" {
				s.printf("revision %s\n", b.Revision)
			}
			return nil
		},
	}
}

// release is set by the linker (-X main.release=1.2.3) in builds that are given away.
var release string

// agent is what peers are told of this program: the release and no more, so that all copies of one look alike.
func agent() string {
	if release == "" {
		return "/Lamina:devel/"
	}
	return "/Lamina:" + release + "/"
}

func readBuild() buildInfo {
	b := buildInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	if release != "" {
		b.Version = release
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}
