package doctor

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// MaxInput is the most bytes that an input may have before decoding.
const MaxInput = 64 << 20

var errEmpty = errors.New("input: empty")

// Decode returns the bytes that an input stands for: those it spells, if it is hex (white
// space and line breaks anywhere, 0x before the digits), otherwise the input itself. Text
// that is not hex is refused with the offset of the first byte that does not fit, as is
// an input above MaxInput bytes.
func Decode(input []byte) ([]byte, error) {
	if len(input) > MaxInput {
		return nil, fmt.Errorf("input: %d bytes, want at most %d", len(input), MaxInput)
	}
	if len(input) == 0 {
		return nil, errEmpty
	}
	if !isText(input) {
		return input, nil
	}
	return decodeHex(input)
}

// isText tells printable input from binary. Eighty bytes of binary that are all
// printable do not occur by chance.
func isText(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && !isSpace(c) {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// decodeHex reads hex digits between white space. A 0x is allowed at the start of a word.
func decodeHex(text []byte) ([]byte, error) {
	digits := make([]byte, 0, len(text))
	word := true // at the start of a word
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case isSpace(c):
			word = true
			continue
		case word && c == '0' && i+1 < len(text) && (text[i+1] == 'x' || text[i+1] == 'X'):
			i++
		case isHexDigit(c):
			digits = append(digits, c)
		default:
			return nil, fmt.Errorf("input: %q at offset %d is not a hex digit", c, i)
		}
		word = false
	}
	if len(digits) == 0 {
		return nil, errEmpty
	}
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("input: %d hex digits, want an even number", len(digits))
	}
	n, err := hex.Decode(digits, digits)
	return digits[:n], err
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
