package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

func pngOf(t testing.TB, i image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, i); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestQRRoundTrip(t *testing.T) {
	for _, text := range []string{"x", "dev:bcrt1q8ze8zdkmpd4u0w8a2rqsjh8mr9mkcwwxz4m2q7?amount=0.5&label=K%C3%A4se",
		strings.Repeat("word ", 60)} {
		code, err := encodeQR(text)
		if err != nil {
			t.Fatal(err)
		}
		size := code.Bounds().Dx()
		for i := range size { // the quiet zone of four modules is white: phones want it
			for _, edge := range []color.Color{code.At(i, 0), code.At(i, 3), code.At(0, i), code.At(size-1, i)} {
				if r, _, _, _ := edge.RGBA(); r != 0xFFFF {
					t.Fatalf("%.20q: the edge is not white", text)
				}
			}
		}
		got, err := decodeQR(bytes.NewReader(pngOf(t, code)))
		if err != nil || got != text {
			t.Errorf("%.20q: read back as %.20q (%v)", text, got, err)
		}
	}
	if _, err := encodeQR(strings.Repeat("x", 5000)); err == nil {
		t.Error("5000 bytes fit no code")
	}
}

func TestQRRefuses(t *testing.T) {
	huge := pngOf(t, image.NewGray(image.Rect(0, 0, 6000, 6000)))
	tests := map[string]struct {
		src  []byte
		want string
	}{
		"nothing": {nil, "unknown format"}, "text": {[]byte("bcrt1"), "unknown format"}, "no code": {pngOf(t,
			image.NewGray(image.Rect(0, 0, 90, 90))), "no QR code"},
		"too many pixels": {huge, "6000 by 6000 pixels"}, "too many bytes": {make([]byte, maxImage+1), "more than"},
	}
	for name, test := range tests {
		if _, err := decodeQR(bytes.NewReader(test.src)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func FuzzDecodeQR(f *testing.F) {
	code, err := encodeQR("dev:x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pngOf(f, code))
	f.Fuzz(func(t *testing.T, src []byte) {
		if size, _, err := image.DecodeConfig(bytes.NewReader(src)); err == nil && size.Width*size.Height > 1<<20 {
			t.Skip("large pictures only cost time here")
		}
		_, _ = decodeQR(bytes.NewReader(src))
	})
}
