// Package said holds what the engine says to people: a sentence in English with its values kept apart from it, so that a
// face can say the same in another language. The English form is the sentence's code: whoever translates looks it up.
//
// The set of forms is closed: each is a literal argument of Of or Errorf, and a test of the screens fails when one has no
// text in one of their languages. It says nothing by itself: no printing, no logging, no choice of a language.
package said

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Sentence is something said. The zero Sentence says nothing.
type Sentence struct {
	Form   string  `json:"form"` // as of package fmt, in English
	Values []Value `json:"values,omitempty"`
}

// Value is one value of a sentence: exactly one of its fields is set, or none, which is the empty text.
type Value struct {
	Number  *int64    `json:"number,omitempty"`
	Amount  *Amount   `json:"amount,omitempty"`
	Seconds *int64    `json:"seconds,omitempty"`
	Text    string    `json:"text,omitempty"`    // a name, an id, an address: the same in every language
	Foreign string    `json:"foreign,omitempty"` // English of a system, a library or a peer
	Said    *Sentence `json:"said,omitempty"`
}

// Amount is money, for Of and Errorf. It prints as its number of base units.
type Amount struct {
	Units    int64  `json:"units"`
	Decimals int    `json:"decimals"`
	Symbol   string `json:"symbol"`
}

// Format writes the number of base units for every verb.
func (a Amount) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, a.Units) }

// Of returns a sentence. The form has one verb of package fmt, without flags, for each value: of the types of whole numbers,
// Amount, time.Duration, string, error, Sentence, or any that prints itself.
func Of(form string, values ...any) Sentence {
	if len(values) == 0 {
		return Sentence{Form: form}
	}
	s := Sentence{Form: form, Values: make([]Value, len(values))}
	for i, v := range values {
		s.Values[i] = valueOf(v)
	}
	return s
}

func valueOf(v any) Value {
	number := func(n int64) Value { return Value{Number: &n} }
	switch v := v.(type) {
	case string:
		return Value{Text: v}
	case Amount:
		return Value{Amount: &v}
	case time.Duration:
		n := int64(v / time.Second)
		return Value{Seconds: &n}
	case Sentence:
		return Value{Said: &v}
	case error:
		if s, ok := By(v); ok {
			return Value{Said: &s}
		}
		return Value{Foreign: v.Error()}
	case fmt.Stringer:
		return Value{Text: v.String()}
	}
	switch n := reflect.ValueOf(v); {
	case n.CanInt():
		return number(n.Int())
	case n.CanUint():
		return number(int64(n.Uint()))
	}
	return Value{Text: fmt.Sprint(v)}
}

// String returns the sentence in English.
func (s Sentence) String() string {
	switch {
	case len(s.Values) == 0:
		return strings.ReplaceAll(s.Form, "%%", "%")
	case s.Form == Foreign && len(s.Values) == 1 && s.Values[0].Text != "":
		return s.Values[0].Text
	}
	values := make([]any, len(s.Values))
	for i, v := range s.Values {
		values[i] = v.plain()
	}
	return fmt.Sprintf(s.Form, values...)
}

// plain returns what a verb of package fmt prints.
func (v Value) plain() any {
	switch {
	case v.Number != nil:
		return *v.Number
	case v.Amount != nil:
		return *v.Amount
	case v.Seconds != nil:
		return time.Duration(*v.Seconds) * time.Second
	case v.Said != nil:
		return v.Said.String()
	}
	return v.Text + v.Foreign
}

var verb = regexp.MustCompile(`%(?:%|[.0-9]*[a-z])`)

// Placed returns the form with {{.A}}, {{.B}} and so on where the values go, which is how translations name them.
func (s Sentence) Placed() string {
	next := 'A'
	return verb.ReplaceAllStringFunc(s.Form, func(found string) string {
		if found == "%%" {
			return "%"
		}
		next++
		return "{{." + string(next-1) + "}}"
	})
}

// Error is an error that is a sentence.
type Error struct {
	Sentence
	err error
}

// Errorf returns an error that says what Of would. The verb of an error may be %w.
func Errorf(form string, values ...any) error {
	return &Error{Of(strings.ReplaceAll(form, "%w", "%v"), values...), errors.Unwrap(fmt.Errorf(form, values...))}
}

// Error returns the sentence in English.
func (e *Error) Error() string { return e.String() }

// Unwrap returns the error in the sentence, if it has one.
func (e *Error) Unwrap() error { return e.err }

// Says returns the sentence.
func (e *Error) Says() Sentence { return e.Sentence }

// FromError returns what an error says; of a foreign error, a sentence of its text alone.
func FromError(err error) Sentence {
	if s, ok := By(err); ok {
		return s
	}
	return Sentence{Form: Foreign, Values: []Value{{Foreign: err.Error()}}}
}

// Foreign is the form of a sentence that has no words of ours: its only value is somebody's own text, or says all by itself.
const Foreign = "%s"

// Just returns a sentence that is a value alone, as package fmt prints it: a number, an id. It reads the same in every language.
func Just(value any) Sentence {
	return Sentence{Form: Foreign, Values: []Value{{Text: fmt.Sprint(value)}}}
}

// By returns what an error says: the first sentence in it, of whatever has the method Says.
func By(err error) (Sentence, bool) {
	var e interface{ Says() Sentence }
	if errors.As(err, &e) {
		return e.Says(), true
	}
	return Sentence{}, false
}
