// Package present turns chains and verification reports into the words and rows that the
// screens show. It is pure: it draws nothing, asks nobody and knows no toolkit, so that
// every text can be tested without a window.
package present

import (
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Translate returns an English text, which may be a template over one value, in the user's
// language.
type Translate func(english string, data ...any) string

// English is the Translate that does not.
func English(english string, data ...any) string {
	if len(data) == 0 {
		return english
	}
	parsed, err := template.New("").Parse(english)
	if err != nil {
		return english
	}
	var b strings.Builder
	if err := parsed.Execute(&b, data[0]); err != nil {
		return english
	}
	return b.String()
}

// Texts writes in one language.
type Texts struct {
	t     Translate
	style Style
}

// New returns the texts of a language; nil means English.
func New(t Translate) *Texts {
	if t == nil {
		t = English
	}
	return &Texts{t: t}
}

// words are the values of a template.
type words map[string]any

// thin separates groups of digits: a narrow space at which no line breaks.
const thin = "\u202f"

// number groups the digits of a whole number by three: 145 000.
func number[T ~int | ~int32 | ~int64 | ~uint32 | ~uint16](n T) string {
	return group(strconv.FormatInt(int64(n), 10))
}

func group(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(thin)
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// amount writes base units as coins: 12 345 of 8 decimals is 0.000 123 45. Zeros at the
// end are left out.
func amount(units int64, decimals int, symbol string) string {
	digits := strconv.FormatInt(units, 10)
	sign := ""
	if units < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, part := digits[:len(digits)-decimals], strings.TrimRight(digits[len(digits)-decimals:], "0")
	text := sign + group(whole)
	for i := 0; i < len(part); i += 3 {
		mark := thin
		if i == 0 {
			mark = "."
		}
		text += mark + part[i:min(i+3, len(part))]
	}
	return text + " " + symbol
}

// duration writes seconds in the largest unit that takes few digits: 10 min, 2.5 min, 14 d.
func duration(seconds uint32) string {
	units := []struct {
		size uint32
		name string
	}{{86_400, "d"}, {3_600, "h"}, {60, "min"}}
	for _, u := range units {
		if seconds >= u.size && seconds*2%u.size == 0 {
			return strconv.FormatFloat(float64(seconds)/float64(u.size), 'f', -1, 64) + " " + u.name
		}
	}
	return number(seconds) + " s"
}

// clock writes seconds since 1970.
func clock(seconds uint32) string {
	return time.Unix(int64(seconds), 0).UTC().Format("2006-01-02 15:04:05 UTC")
}

// size writes a number of bytes.
func size(bytes int) string {
	switch {
	case bytes >= 1<<20:
		return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB"
	case bytes >= 1<<10:
		return strconv.FormatFloat(float64(bytes)/(1<<10), 'f', 1, 64) + " KiB"
	}
	return number(bytes) + " B"
}
