package theme

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

var bedrock = pair{light: 0x3E4C59, dark: 0x8FA1B3}

const (
	firstHue = 175.0 // teal
	lastHue  = 265.0 // violet
)

// Layer returns the colour of a layer: the index-th of count chains that lie depth levels
// over their L1. Depth 0 is the L1 itself. Hues are spread evenly from teal through blue
// to violet; a level higher is lighter kin.
func Layer(depth, index, count int, variant fyne.ThemeVariant) color.NRGBA {
	if depth == 0 {
		return bedrock.in(variant)
	}
	hue := firstHue
	if count > 1 {
		hue += (lastHue - firstHue) * float64(index) / float64(count-1)
	}
	lightness, saturation := 0.30+0.035*float64(min(depth-1, 2)), 0.62
	if variant != base.VariantLight {
		lightness, saturation = 0.67+0.06*float64(min(depth-1, 2)), 0.55
	}
	return hsl(hue, saturation, lightness)
}

// OnLayer returns the colour of text on a layer's colour: white or black, whichever can be
// read better. One of them always has a contrast of 4.58 or more.
func OnLayer(c color.Color) color.NRGBA {
	white, black := color.NRGBA{R: 0xFF, G: 0xFF, B: 0xFF, A: 0xFF}, color.NRGBA{A: 0xFF}
	if Contrast(white, c) >= Contrast(black, c) {
		return white
	}
	return black
}

// Contrast returns the contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2, relative
// luminance).
func Contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func linear(v uint32) float64 {
	s := float64(v) / 0xFFFF
	if s <= 0.04045 {
		return s / 12.92
	}
	return math.Pow((s+0.055)/1.055, 2.4)
}

// hsl converts a hue in degrees, a saturation and a lightness in 0 to 1.
func hsl(hue, saturation, lightness float64) color.NRGBA {
	spread := saturation * math.Min(lightness, 1-lightness)
	channel := func(n float64) byte {
		k := math.Mod(n+hue/30, 12)
		return byte(math.Round(255 * (lightness - spread*math.Max(-1, math.Min(math.Min(k-3, 9-k), 1)))))
	}
	return color.NRGBA{R: channel(0), G: channel(8), B: channel(4), A: 0xFF}
}
