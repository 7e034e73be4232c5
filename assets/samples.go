package assets

import "embed"

// Samples holds real chain data for the demo in the folder samples: the files that
// index.json lists, with what each is and how its verification must end. README.md in the
// same folder says where they come from.
//
//go:embed samples/index.json samples/*.hex samples/*.bin
var Samples embed.FS
