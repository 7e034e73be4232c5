package ui

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // formats that photographs and screenshots have
	_ "image/png"
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// encodeQR returns a text as a QR code, one pixel a module, with its quiet zone.
func encodeQR(text string) (image.Image, error) {
	modules, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, 0, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("QR code of %d bytes: %w", len(text), err)
	}
	out := image.NewGray(image.Rect(0, 0, modules.GetWidth(), modules.GetHeight()))
	for y := range modules.GetHeight() {
		for x := range modules.GetWidth() {
			if !modules.Get(x, y) {
				out.SetGray(x, y, color.Gray{Y: 0xFF})
			}
		}
	}
	return out, nil
}

// Limits of an image that is read for a code.
const (
	maxImage  = 16 << 20 // bytes
	maxPixels = 24 << 20
)

// decodeQR finds the QR code in a PNG or JPEG image and returns its text.
func decodeQR(r io.Reader) (text string, err error) {
	src, err := io.ReadAll(io.LimitReader(r, maxImage+1))
	if err != nil {
		return "", err
	}
	if len(src) > maxImage {
		return "", fmt.Errorf("image: more than %d bytes", maxImage)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(src))
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	if int64(size.Width)*int64(size.Height) > maxPixels {
		return "", fmt.Errorf("image: %d by %d pixels, at most %d in all", size.Width, size.Height, maxPixels)
	}
	picture, _, err := image.Decode(bytes.NewReader(src))
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	defer func() { // the library indexes by what it finds in the picture, which is foreign
		if recover() != nil {
			text, err = "", errNoCode
		}
	}()
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return "", errNoCode
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return "", errNoCode
	}
	return found.GetText(), nil
}

var errNoCode = errors.New("image: there is no QR code in it that can be read")

// qrSize is the edge of a code on the screen.
const qrSize = 232

// newQR is the place of a code.
func newQR() *canvas.Image {
	i := &canvas.Image{FillMode: canvas.ImageFillContain, ScaleMode: canvas.ImageScalePixels}
	i.SetMinSize(fyne.NewSquareSize(qrSize))
	return i
}

// setQR shows a text as a code, or nothing.
func setQR(i *canvas.Image, text string) {
	i.Image = nil
	if text != "" {
		code, err := encodeQR(text)
		if err != nil {
			fyne.LogError("QR", err)
		} else {
			i.Image = code
			modules := code.Bounds().Dx()
			i.SetMinSize(fyne.NewSquareSize(float32(max(qrSize/modules, 2) * modules))) // even modules
		}
	}
	show(i, i.Image != nil)
	i.Refresh()
}
