package ui

import (
	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

// settleIcon is two arrows between two lines, in the colour of the text around.
var settleIcon fyne.Resource = base.NewThemedResource(fyne.NewStaticResource("settle.svg", []byte(
	`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="#000000">`+
		`<path d="M2 2h20v2H2Z"/><path d="M2 20h20v2H2Z"/>`+
		`<path d="M7 6 11 11H8.2V18H5.8V11H3Z"/><path d="M17 18 13 13h2.8V6h2.4v7H21Z"/></svg>`)))

// strataIcon is three layers, in the colour of the text around.
var strataIcon fyne.Resource = base.NewThemedResource(fyne.NewStaticResource("strata.svg", []byte(
	`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="#000000">`+
		`<path d="M12 2 22 7.5 12 13 2 7.5Z"/>`+
		`<path d="M4.6 10.5 2 12 12 17.5 22 12 19.4 10.5 12 14.6Z"/>`+
		`<path d="M4.6 15 2 16.5 12 22 22 16.5 19.4 15 12 19.1Z"/></svg>`)))
