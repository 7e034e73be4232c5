package keystore

import (
	"fmt"
	"io"
)

const placeholder = "(secret)"

// secret makes the type that embeds it print as a placeholder, whatever the verb or encoder. The value is behind a
// function too: fmt calls no method on an unexported field of another struct, follows pointers there if a verb does not
// suit them, but never calls a function.
type secret[T any] struct{ reveal func() *T }

func hide[T any](v *T) secret[T] { return secret[T]{func() *T { return v }} }

// Format writes the placeholder for every verb.
func (secret[T]) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, placeholder) }

// String returns the placeholder.
func (secret[T]) String() string { return placeholder }

// GoString returns the placeholder.
func (secret[T]) GoString() string { return placeholder }

// MarshalText returns the placeholder.
func (secret[T]) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// MarshalJSON returns the placeholder.
func (secret[T]) MarshalJSON() ([]byte, error) { return []byte(`"` + placeholder + `"`), nil }
