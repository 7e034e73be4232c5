//go:build mobile || android || ios

package main

import "github.com/layeredpow/lamina/ui"

// startRest does nothing: on a phone the system says when there is something to do.
func startRest(*ui.UI) {}
