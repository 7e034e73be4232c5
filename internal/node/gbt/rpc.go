package gbt

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// mostAnswer is the largest answer that is read, bytes: a block of 4 MB in hex and an extension block, with room.
	mostAnswer = 32 << 20
	// askTime is how long a node may take to answer.
	askTime = 60 * time.Second
)

// Password is a secret that no printing shows.
type Password string

const hidden = "(password)"

// String, GoString, Format and MarshalText all give a placeholder.
func (Password) String() string               { return hidden }
func (Password) GoString() string             { return hidden }
func (Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (Password) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, hidden) }

// Access is how to reach a node's RPC interface.
type Access struct {
	URL      string // http or https, without user and password
	User     string
	Password Password
	TLS      *tls.Config // of https; nil: the system's roots
}

// RPCError is what a node answers instead of a result.
type RPCError struct {
	Method  string
	Code    int
	Message string
}

// Error returns "METHOD: the node answers: MESSAGE (CODE)".
func (e *RPCError) Error() string {
	return fmt.Sprintf("%s: the node answers: %.300q (%d)", e.Method, e.Message, e.Code)
}

// caller does JSON-RPC calls.
type caller struct {
	access Access
	client *http.Client
}

func newCaller(a Access) (*caller, error) {
	u, err := url.Parse(a.URL)
	if err != nil {
		return nil, errors.New("node's address: not a URL") // the parser's error repeats the text, which may hold a password
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, errors.New("node's address: want http://HOST:PORT or https://HOST:PORT, user and password apart")
	}
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: a.TLS, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: 64 << 10}, // no proxy: a node is reached directly
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &caller{access: a, client: client}, nil
}

// call asks and decodes the result, null included, into result.
func (c *caller) call(ctx context.Context, result any, method string, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": "lamina", "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.access.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(c.access.User, string(c.access.Password))
	response, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", method, err)
	case len(raw) > mostAnswer:
		return fmt.Errorf("%s: answer of more than %d bytes", method, mostAnswer)
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: %s: the node refuses user or password, or this address", method, response.Status)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %s: answer is no JSON-RPC: %w", method, response.Status, err)
	}
	if answer.Error != nil {
		return &RPCError{Method: method, Code: answer.Error.Code, Message: answer.Error.Message}
	}
	if len(answer.Result) == 0 {
		return fmt.Errorf("%s: %s: answer without a result", method, response.Status)
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%s: result: %w", method, err)
	}
	return nil
}
