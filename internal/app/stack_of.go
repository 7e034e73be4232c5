package app

import (
	"path/filepath"
)

// StackOf returns the L1 of the first chain that a wallet in a data folder is on, without
// opening the folder; empty where there is no wallet that says so.
func (a *App) StackOf(dataDir string) string {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(dataDir), walletFolder, "*"+fileSuffix))
	if err != nil {
		return ""
	}
	for _, path := range paths {
		w := vault{path: path}
		w.read()
		for _, name := range chainsOf(&w.profile) {
			for _, s := range a.Stacks() {
				if s.L1.Name == name {
					return name
				}
				for _, layer := range s.Layers {
					if layer.Name == name {
						return s.L1.Name
					}
				}
			}
		}
	}
	return ""
}
