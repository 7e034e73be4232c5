// Package theme is the app's look: colours, sizes and the colour of each layer, for light
// and dark. It draws nothing and knows no chain.
package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

// Colour names of our own, beside Fyne's.
const (
	ColorSurface fyne.ThemeColorName = "laminaSurface" // of cards
	ColorMuted   fyne.ThemeColorName = "laminaMuted"   // of captions and labels
	ColorChosen  fyne.ThemeColorName = "laminaChosen"  // behind what is selected
)

// Mode says which variant is shown.
type Mode string

// The modes. System follows the desktop.
const (
	System Mode = "system"
	Light  Mode = "light"
	Dark   Mode = "dark"
)

// Modes returns the modes in the order in which they are offered.
func Modes() []Mode { return []Mode{System, Light, Dark} }

// Theme is the app's Fyne theme.
type Theme struct {
	fyne.Theme // fonts, icons and what is not named here
	mode       Mode
}

// New returns the theme in a mode; an unknown mode follows the system.
func New(mode Mode) *Theme { return &Theme{Theme: base.DefaultTheme(), mode: mode} }

// Variant returns the variant that is shown when the desktop prefers another.
func (t *Theme) Variant(system fyne.ThemeVariant) fyne.ThemeVariant {
	switch t.mode {
	case Light:
		return base.VariantLight
	case Dark:
		return base.VariantDark
	}
	return system
}

// pair is a colour in the light and in the dark variant, 0xRRGGBB, or 0xRRGGBBAA where
// translucent is set.
type pair struct {
	light, dark uint32
	translucent bool
}

var (
	background = pair{light: 0xF7F8FA, dark: 0x11151A}
	surface    = pair{light: 0xFFFFFF, dark: 0x1A2027}
	line       = pair{light: 0xE3E7EC, dark: 0x2A323B}
	text       = pair{light: 0x16202A, dark: 0xE8EDF2}
	muted      = pair{light: 0x5B6875, dark: 0x9AA7B4}
	accent     = pair{light: 0x0B7A75, dark: 0x3CC2BA}
	warn       = pair{light: 0xAC5A08, dark: 0xF0A94B}
	danger     = pair{light: 0xB3261E, dark: 0xF2796B}
	good       = pair{light: 0x1E7B4F, dark: 0x5CC48F}
	onColour   = pair{light: 0xFFFFFF, dark: 0x11151A}
	border     = pair{light: 0x808B97, dark: 0x6E7A87} // 3:1 to what lies around it
	input      = pair{light: 0xF1F4F7, dark: 0x232B34}
	chosen     = pair{light: 0xDDEFED, dark: 0x1B3A3B}
	button     = pair{light: 0xE9EDF1, dark: 0x252D36}
	idle       = pair{light: 0xEFF1F4, dark: 0x1F262E}
	hover      = pair{light: 0x16202A12, dark: 0xE8EDF212, translucent: true}
	pressed    = pair{light: 0x16202A26, dark: 0xE8EDF226, translucent: true}
	focus      = pair{light: 0x0B7A7540, dark: 0x3CC2BA55, translucent: true}
	scroll     = pair{light: 0x5B687599, dark: 0x9AA7B499, translucent: true}
)

var colours = map[fyne.ThemeColorName]pair{
	ColorChosen:                             chosen,
	ColorSurface:                            surface,
	ColorMuted:                              muted,
	base.ColorNameBackground:                background,
	base.ColorNameForeground:                text,
	base.ColorNamePrimary:                   accent,
	base.ColorNameHyperlink:                 accent,
	base.ColorNameError:                     danger,
	base.ColorNameWarning:                   warn,
	base.ColorNameSuccess:                   good,
	base.ColorNameForegroundOnPrimary:       onColour,
	base.ColorNameForegroundOnError:         onColour,
	base.ColorNameForegroundOnWarning:       onColour,
	base.ColorNameForegroundOnSuccess:       onColour,
	base.ColorNameDisabled:                  muted,
	base.ColorNamePlaceHolder:               muted,
	base.ColorNameDisabledButton:            idle,
	base.ColorNameButton:                    button,
	base.ColorNameInputBackground:           input,
	base.ColorNameInputBorder:               border,
	base.ColorNameMenuBackground:            surface,
	base.ColorNameOverlayBackground:         surface,
	base.ColorNameHeaderBackground:          surface,
	base.ColorNameSeparator:                 line,
	base.ColorNameHover:                     hover,
	base.ColorNamePressed:                   pressed,
	base.ColorNameFocus:                     focus,
	base.ColorNameSelection:                 focus,
	base.ColorNameScrollBar:                 scroll,
	base.ColorNameInnerWindowBorder:         line,
	base.ColorNameInnerWindowBorderInactive: line,
}

// Color returns a colour of the variant that the mode asks for.
func (t *Theme) Color(name fyne.ThemeColorName, system fyne.ThemeVariant) color.Color {
	variant := t.Variant(system)
	if p, ok := colours[name]; ok {
		return p.in(variant)
	}
	return t.Theme.Color(name, variant)
}

func (p pair) in(variant fyne.ThemeVariant) color.NRGBA {
	v := p.dark
	if variant == base.VariantLight {
		v = p.light
	}
	if p.translucent {
		return color.NRGBA{R: byte(v >> 24), G: byte(v >> 16), B: byte(v >> 8), A: byte(v)}
	}
	return color.NRGBA{R: byte(v >> 16), G: byte(v >> 8), B: byte(v), A: 0xFF}
}

var sizes = map[fyne.ThemeSizeName]float32{
	base.SizeNameCaptionText:     12,
	base.SizeNameText:            14,
	base.SizeNameSubHeadingText:  18,
	base.SizeNameHeadingText:     18,
	base.SizeNamePadding:         4,
	base.SizeNameInnerPadding:    8,
	base.SizeNameInputRadius:     6,
	base.SizeNameSelectionRadius: 4,
}

// Size returns a length in device-independent pixels.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	if s, ok := sizes[name]; ok {
		return s
	}
	return t.Theme.Size(name)
}
