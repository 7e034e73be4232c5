package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	base "fyne.io/fyne/v2/theme"
)

var variants = map[string]fyne.ThemeVariant{"light": base.VariantLight, "dark": base.VariantDark}

// least is what WCAG AA asks of normal text, and leastShape of the edges of a control.
const (
	least      = 4.5
	leastShape = 3.0
)

func TestContrastReference(t *testing.T) {
	grey := color.NRGBA{R: 0x77, G: 0x77, B: 0x77, A: 0xFF} // 4.48:1 on white, the well-known near miss
	tests := []struct {
		a, b color.Color
		want float64
	}{{color.White, color.Black, 21}, {color.White, color.White, 1}, {grey, color.White, 4.478}}
	for _, test := range tests {
		if got := Contrast(test.a, test.b); math.Abs(got-test.want) > 0.001 {
			t.Errorf("%v on %v: %.3f, want %.3f", test.a, test.b, got, test.want)
		}
	}
}

func TestTextIsReadable(t *testing.T) {
	on := []struct {
		fore fyne.ThemeColorName
		back []fyne.ThemeColorName
		want float64
	}{
		{base.ColorNameForeground, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface, ColorChosen, base.ColorNameButton,
			base.ColorNameInputBackground, base.ColorNameMenuBackground, base.ColorNameOverlayBackground}, least},
		{ColorMuted, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface, ColorChosen}, least},
		{base.ColorNamePlaceHolder, []fyne.ThemeColorName{base.ColorNameInputBackground}, least},
		{base.ColorNameDisabled, []fyne.ThemeColorName{base.ColorNameDisabledButton}, least},
		{base.ColorNamePrimary, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, least},
		{base.ColorNameError, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, least},
		{base.ColorNameWarning, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, least},
		{base.ColorNameSuccess, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, least},
		{base.ColorNameForegroundOnPrimary, []fyne.ThemeColorName{base.ColorNamePrimary}, least},
		{base.ColorNameForegroundOnError, []fyne.ThemeColorName{base.ColorNameError}, least},
		{base.ColorNameForegroundOnSuccess, []fyne.ThemeColorName{base.ColorNameSuccess}, least},
		{base.ColorNameForegroundOnWarning, []fyne.ThemeColorName{base.ColorNameWarning}, least},
		{base.ColorNameInputBorder, []fyne.ThemeColorName{base.ColorNameInputBackground, base.ColorNameBackground}, leastShape},
	}
	for name, variant := range variants {
		theme := New(System)
		for _, test := range on {
			for _, back := range test.back {
				got := Contrast(theme.Color(test.fore, variant), theme.Color(back, variant))
				if got < test.want {
					t.Errorf("%s: %s on %s: contrast %.2f, want %.1f", name, test.fore, back, got, test.want)
				}
			}
		}
	}
}

func TestLayersAreReadableAndApart(t *testing.T) {
	for name, variant := range variants {
		surface := New(System).Color(ColorSurface, variant)
		for count := 1; count <= 6; count++ {
			for depth := 0; depth <= 3; depth++ {
				seen := map[color.NRGBA]int{}
				for index := range count {
					c := Layer(depth, index, count, variant)
					if got := Contrast(OnLayer(c), c); got < least {
						t.Errorf("%s: text on layer %d of %d, depth %d: contrast %.2f, want %.1f", name, index, count, depth, got, least)
					}
					if got := Contrast(c, surface); got < leastShape {
						t.Errorf("%s: layer %d of %d, depth %d on a card: contrast %.2f, want %.1f", name, index, count, depth, got, leastShape)
					}
					if other, twice := seen[c]; twice && depth > 0 {
						t.Errorf("%s: layers %d and %d of %d have one colour", name, other, index, count)
					}
					seen[c] = index
				}
			}
		}
	}
}

func TestMode(t *testing.T) {
	test.NewTempApp(t) // Fyne's own theme asks the current app
	for _, mode := range Modes() {
		for name, system := range variants {
			want := system
			if mode == Light {
				want = base.VariantLight
			} else if mode == Dark {
				want = base.VariantDark
			}
			theme := New(mode)
			got, expected := theme.Color(base.ColorNameBackground, system), background.in(want)
			if got != expected {
				t.Errorf("mode %s, desktop %s: background %v, want %v", mode, name, got, expected)
			}
			// A colour that only Fyne defines must follow the mode as well.
			got, expected2 := theme.Color(base.ColorNameShadow, system), base.DefaultTheme().Color(base.ColorNameShadow, want)
			if got != expected2 {
				t.Errorf("mode %s, desktop %s: shadow %v, want %v", mode, name, got, expected2)
			}
		}
	}
}
