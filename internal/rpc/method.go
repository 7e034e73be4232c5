package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Param is one parameter of a method.
type Param struct {
	Name     string
	Text     string // what it is, with units
	Optional bool   // so are all behind it
}

// Method is one method, with its documentation.
type Method struct {
	Name     string
	Category string // for help: "blockchain", "mining", "wallet", ...
	Text     string // what it does and what it answers
	Params   []Param
	Example  string // a command line behind the method's name; may be empty where there are no parameters
	Call     func(ctx context.Context, c *Call) (any, error)
}

// Call is one call of a method. Chain and Wallet are what the URL's path names, empty for the default ones; nobody has
// looked yet whether they exist.
type Call struct {
	Chain  string
	Wallet string
	Args   Args
	Path   string // the path in full, for answers that point back
}

// Methods is a set of methods by name.
type Methods struct{ byName map[string]*Method }

// NewMethods returns a set of methods. Two of one name, and one without text or function, are broken invariants.
func NewMethods(list ...Method) *Methods {
	m := &Methods{byName: map[string]*Method{}}
	m.Add(list...)
	return m
}

// Add adds methods, before the set is served.
func (m *Methods) Add(list ...Method) {
	for i := range list {
		x := &list[i]
		if m.byName[x.Name] != nil || x.Name == "" || x.Text == "" || x.Category == "" || x.Call == nil ||
			(len(x.Params) > 0) != (x.Example != "") {
			panic("method " + x.Name + ": twice, or without category, text, example or function")
		}
		m.byName[x.Name] = x
	}
}

// All returns the methods by category and name.
func (m *Methods) All() []*Method {
	var all []*Method
	for _, x := range m.byName {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *Method) int {
		if a.Category != b.Category {
			return strings.Compare(a.Category, b.Category)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// Usage returns the method with its parameters, optional ones in brackets.
func (x *Method) Usage() string {
	var b strings.Builder
	b.WriteString(x.Name)
	for _, p := range x.Params {
		if p.Optional {
			fmt.Fprintf(&b, " [%s]", p.Name)
		} else {
			b.WriteString(" " + p.Name)
		}
	}
	return b.String()
}

// help returns a page on a method.
func (x *Method) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", x.Usage(), x.Text)
	if len(x.Params) > 0 {
		b.WriteString("\nParameters:\n")
	}
	for i, p := range x.Params {
		fmt.Fprintf(&b, "%d. %-14s %s", i+1, p.Name, p.Text)
		if p.Optional {
			b.WriteString(" (optional)")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nExample:\n  lamina rpc %s\n", strings.TrimSpace(x.Name+" "+x.Example))
	return b.String()
}

// helpMethod answers help from the set itself.
func (m *Methods) helpMethod() Method {
	return Method{
		Name: "help", Category: "control", Text: "Lists all methods, or explains one.",
		Params: []Param{{"command", "a method's name", true}}, Example: "getblock",
		Call: func(_ context.Context, c *Call) (any, error) {
			if !c.Args.Has(0) {
				return m.list(), nil
			}
			name, err := c.Args.String(0)
			if err != nil {
				return nil, err
			}
			if x := m.byName[name]; x != nil {
				return x.help(), nil
			}
			return nil, Errorf(NoSuchMethod, "method %.64q: there is none; help lists them", name)
		},
	}
}

// list returns one line for each method, by category.
func (m *Methods) list() string {
	var b strings.Builder
	category := ""
	for _, x := range m.All() {
		if x.Category != category {
			if category != "" {
				b.WriteByte('\n')
			}
			category = x.Category
			fmt.Fprintf(&b, "== %s ==\n", category)
		}
		b.WriteString(x.Usage() + "\n")
	}
	return b.String()
}

// args matches a call's parameters with the method's.
func (x *Method) args(raw json.RawMessage) (Args, *Error) {
	a := Args{params: x.Params}
	if len(raw) > 0 && raw[0] == '{' {
		if bad := x.named(raw, &a); bad != nil {
			return a, bad
		}
	} else if len(raw) > 0 {
		if json.Unmarshal(raw, &a.values) != nil {
			return a, Errorf(InvalidParams, "%s: want parameters in an array or an object", x.Name)
		}
	}
	if len(a.values) > len(x.Params) {
		return a, Errorf(Misc, "%s: %d parameters, want at most %d: %s", x.Name, len(a.values), len(x.Params), x.Usage())
	}
	for i, p := range x.Params {
		if !p.Optional && !a.Has(i) {
			return a, Errorf(Misc, "%s: %s is missing: %s", x.Name, p.Name, x.Usage())
		}
	}
	return a, nil
}

// named puts parameters that came with names into their places. "args" holds the first ones without names.
func (x *Method) named(raw json.RawMessage, a *Args) *Error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return Errorf(InvalidParams, "%s: want parameters in an array or an object", x.Name)
	}
	a.values = make([]json.RawMessage, len(x.Params))
	if first, ok := fields["args"]; ok {
		var list []json.RawMessage
		if json.Unmarshal(first, &list) != nil || len(list) > len(x.Params) {
			return Errorf(InvalidParameter, "%s: args: want an array of at most %d", x.Name, len(x.Params))
		}
		copy(a.values, list)
		delete(fields, "args")
	}
	for name, value := range fields {
		i := slices.IndexFunc(x.Params, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return Errorf(InvalidParameter, "%s: unknown parameter %.64q: %s", x.Name, name, x.Usage())
		}
		if a.values[i] != nil {
			return Errorf(InvalidParameter, "%s: parameter %s is given twice", x.Name, name)
		}
		a.values[i] = value
	}
	return nil
}
