package rpc

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

const (
	// MaxBody is the largest request, bytes: a block of 4 MB with a proof of 4 MB, in hex, with room.
	MaxBody = 20 << 20
	// MaxBatch is how many calls a batch may hold.
	MaxBatch = 1000
	// MaxDepth is how deep objects and arrays of a request may be nested.
	MaxDepth = 32
	maxID    = 256 // bytes
)

// message is one call as it was received, or what is wrong with it.
type message struct {
	id     json.RawMessage // as it came; null if there was none
	v2     bool            // JSON-RPC 2.0; else 1.0 or 1.1
	silent bool            // a notification of JSON-RPC 2.0: no answer
	method string
	params json.RawMessage // an array, an object, or nil
	bad    *Error
}

var null = json.RawMessage("null")

// parseBody reads a request's body: one call, or a batch of them. The error says that it is neither.
func parseBody(body []byte) (calls []message, batch bool, bad *Error) {
	if !utf8.Valid(body) {
		return nil, false, Errorf(Unparsable, "request: not UTF-8")
	}
	if deeper(body, MaxDepth) {
		return nil, false, Errorf(Unparsable, "request: nested deeper than %d", MaxDepth)
	}
	if !json.Valid(body) {
		return nil, false, Errorf(Unparsable, "request: not one JSON document")
	}
	body = bytes.TrimLeft(body, " \t\r\n")
	switch body[0] {
	case '{':
		return []message{parseCall(body)}, false, nil
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, true, Errorf(Unparsable, "request: not one JSON document")
		}
		if len(list) == 0 || len(list) > MaxBatch {
			return nil, true, Errorf(InvalidRequest, "batch of %d calls: want 1 to %d", len(list), MaxBatch)
		}
		for _, raw := range list {
			calls = append(calls, parseCall(raw))
		}
		return calls, true, nil
	}
	return nil, false, Errorf(InvalidRequest, "request: want an object or an array")
}

// parseCall reads one call of a valid document.
func parseCall(raw json.RawMessage) message {
	m := message{id: null}
	var fields map[string]json.RawMessage // exact names, unlike a struct's
	if raw[0] != '{' || json.Unmarshal(raw, &fields) != nil {
		m.bad = Errorf(InvalidRequest, "call: want an object")
		return m
	}
	id, hasID := fields["id"]
	if hasID {
		if len(id) > maxID || (id[0] != '"' && id[0] != 'n' && id[0] != '-' && (id[0] < '0' || id[0] > '9')) {
			m.bad = Errorf(InvalidRequest, "call: want an id that is a string or a number, of at most %d bytes", maxID)
			return m
		}
		m.id = id
	}
	if v, ok := fields["jsonrpc"]; ok {
		switch string(v) {
		case `"2.0"`:
			m.v2, m.silent = true, !hasID
		case `"1.0"`, `"1.1"`:
		default:
			m.bad = Errorf(InvalidRequest, `call: version %.20s: want "1.0" or "2.0"`, v)
			return m
		}
	}
	if json.Unmarshal(fields["method"], &m.method) != nil || m.method == "" || len(m.method) > 64 {
		m.bad = Errorf(InvalidRequest, "call: want a method's name, a string")
		return m
	}
	switch p := fields["params"]; {
	case len(p) == 0 || bytes.Equal(p, null):
	case p[0] == '[' || p[0] == '{':
		m.params = p
	default:
		m.bad = Errorf(InvalidRequest, "call of %.64q: want parameters in an array or an object", m.method)
	}
	return m
}

// deeper tells whether brackets are nested deeper than a limit. It is asked before the parser, which recurses.
func deeper(b []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// answer is what goes back for a call.
type answer struct {
	to     *message
	result json.RawMessage
	err    *Error
}

// append appends the answer in the form of the call's version: 1.0 always has result and error, 2.0 one of them.
func (a *answer) append(dst []byte) []byte {
	dst = append(dst, '{')
	if a.to.v2 {
		dst = append(dst, `"jsonrpc":"2.0",`...)
	}
	if a.err == nil {
		dst = append(append(dst, `"result":`...), a.result...)
		if !a.to.v2 {
			dst = append(dst, `,"error":null`...)
		}
	} else {
		if !a.to.v2 {
			dst = append(dst, `"result":null,`...)
		}
		dst = append(append(dst, `"error":`...), encode(a.err)...)
	}
	return append(append(append(dst, `,"id":`...), a.to.id...), '}')
}

// encode returns v as JSON. That our own types cannot be encoded is a broken invariant; the caller recovers.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
