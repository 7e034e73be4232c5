package said

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"time"
)

// height prints itself as no number does.
type height int32

func TestSentences(t *testing.T) {
	money := Amount{Units: 546, Decimals: 8, Symbol: "BTC"}
	inner := Errorf("amount %d: want more", money)
	for _, c := range []struct {
		said            Sentence
		english, placed string
	}{
		{Sentence{}, "", ""},
		{Of("canceled"), "canceled", "canceled"},
		{Of("100%% sure"), "100% sure", "100% sure"},
		{Of("%d%% of %d", 7, money), "7% of 546", "{{.A}}% of {{.B}}"},
		{Of("block %d, %d of %s", height(-3), uint32(1<<31), "main"), "block -3, 2147483648 of main", "block {{.A}}, {{.B}} of {{.C}}"},
		{Of("wallet %.4q: for %s", "main wallet", 90*time.Second), `wallet "main": for 1m30s`, "wallet {{.A}}: for {{.B}}"},
		{Of("recipient %d: %v", 2, inner), "recipient 2: amount 546: want more", "recipient {{.A}}: {{.B}}"},
		{Of("read: %v", io.ErrUnexpectedEOF), "read: unexpected EOF", "read: {{.A}}"},
		{Of("%s, and so on", Of("canceled")), "canceled, and so on", "{{.A}}, and so on"},
		{Just(height(-3)), "-3", "{{.A}}"},
		{Just("100%"), "100%", "{{.A}}"},
		{Just(""), "", "{{.A}}"},
	} {
		raw, err := json.Marshal(c.said)
		if err != nil {
			t.Fatal(err)
		}
		var again Sentence
		if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(again, c.said) {
			t.Errorf("%s: travels as %s, %v", c.english, raw, err)
		}
		if again.String() != c.english || again.Placed() != c.placed {
			t.Errorf("got %q, %q; want %q, %q", again.String(), again.Placed(), c.english, c.placed)
		}
	}
}

func TestErrors(t *testing.T) {
	err := fmt.Errorf("wallet main: %w", Errorf("line %d: %w", 3, io.ErrUnexpectedEOF))
	s, ok := By(err)
	if !ok || s.Form != "line %d: %v" || s.Values[1].Foreign != "unexpected EOF" || !errors.Is(err, io.ErrUnexpectedEOF) ||
		err.Error() != "wallet main: line 3: unexpected EOF" {
		t.Errorf("got %+v, %v, %v", s, ok, err)
	}
	if s, ok := By(io.EOF); ok {
		t.Errorf("a foreign error says %+v", s)
	}
}

// What came from elsewhere has forms that fit no values.
func TestOddSentences(t *testing.T) {
	for _, form := range []string{"%", "%%", "%d", "a %", "%.", "%d %s %q", "%!", "{{.A}}"} {
		for _, values := range [][]Value{nil, {{}}, {{Text: "x"}, {Text: "y"}, {Text: "z"}, {}}} {
			s := Sentence{Form: form, Values: values}
			_, _ = s.String(), s.Placed()
		}
	}
}
