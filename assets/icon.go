package assets

import _ "embed"

// Icon is the app's icon, a PNG of 512 x 512 pixels.
//
//go:embed icon.png
var Icon []byte
