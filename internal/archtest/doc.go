// Package archtest holds, as tests, what is true of the repository as a whole: which package may import which
// (docs/architecture.md, "Arrows"), that chains are data and not code, and that the test data is what its manifest says. It
// has no code outside its tests, and nothing imports it.
package archtest
