// Package assets embeds the files that the program needs at run time and hands them out as
// file systems. It reads nothing else and interprets nothing.
package assets

import (
	"embed"
	"io/fs"
)

//go:embed chains/*.toml
var files embed.FS

// Chains holds the chain files, one *.toml for each chain, in its root folder. It is what
// chains.Load takes.
var Chains = sub("chains")

// sub returns a folder of the embedded files, whose names are known when compiling.
func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic("assets: " + err.Error())
	}
	return f
}
