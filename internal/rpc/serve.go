package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

// maxAnswer is how many bytes the answers of one batch may have together, before the last.
const maxAnswer = 64 << 20

// stateHeader tells with every answer how much it is worth: tip, age, verified, peers.
const stateHeader = "Lamina-State"

// ServeHTTP answers one request. Who asks is judged before a byte of the body is read.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	to, status, text := s.admit(r)
	if status == http.StatusUnauthorized {
		head.Set("WWW-Authenticate", `Basic realm="jsonrpc"`)
		wait(r.Context(), wrongTime)
	}
	if status == http.StatusMethodNotAllowed {
		head.Set("Allow", map[bool]string{true: http.MethodGet, false: http.MethodPost}[to.events])
	}
	if status != 0 {
		refuse(w, status, text)
		return
	}
	if to.events {
		s.config.Feed.serve(w, r, s.ending)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("request: more than %d bytes", MaxBody))
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "request: ends before its end")
		return
	}
	_ = control.SetReadDeadline(time.Time{}) // a call may take its time; whether the client is still there is watched
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	status, answer := s.answer(ctx, to, r.URL.EscapedPath(), body)
	if s.config.State != nil {
		head.Set(stateHeader, string(encode(s.config.State(to.chain))))
	}
	_ = control.SetWriteDeadline(time.Now().Add(writeTime))
	if len(answer) > 0 {
		head.Set("Content-Type", "application/json")
		answer = append(answer, '\n')
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
	if s.stopped.CompareAndSwap(true, false) {
		_ = control.Flush()
		s.config.Stop()
	}
}

// admit judges a request by its head: 0, or the status and text of a refusal.
func (s *Server) admit(r *http.Request) (to route, status int, text string) {
	if !s.hosts.admits(r.Host) {
		return to, http.StatusForbidden, "this server does not go by that name"
	}
	if len(r.Header["Origin"]) > 0 || (r.Header.Get("Sec-Fetch-Site") != "" && r.Header.Get("Sec-Fetch-Site") != "none") {
		return to, http.StatusForbidden, "web pages may not ask here"
	}
	user, password, ok := r.BasicAuth()
	if !ok || !s.guard.admits(Login{user, Password(password)}) {
		return to, http.StatusUnauthorized, "user or password is wrong"
	}
	to, ok = routeOf(r.URL.EscapedPath())
	if !ok || (to.events && s.config.Feed == nil) {
		return to, http.StatusNotFound, "want the path /, /chain/NAME, /wallet/NAME, /chain/NAME/wallet/NAME or /events"
	}
	if to.events {
		if r.Method != http.MethodGet {
			return to, http.StatusMethodNotAllowed, "want GET"
		}
		return to, 0, ""
	}
	if r.Method != http.MethodPost {
		return to, http.StatusMethodNotAllowed, "want POST"
	}
	if given := r.Header.Get("Content-Type"); given != "" { // old command-line clients send none
		kind, _, err := mime.ParseMediaType(given)
		if err != nil || (kind != "application/json" && kind != "application/json-rpc" && kind != "text/plain") {
			return to, http.StatusUnsupportedMediaType, "want the content type application/json or text/plain"
		}
	}
	if r.Header.Get("Content-Encoding") != "" {
		return to, http.StatusUnsupportedMediaType, "want no content encoding"
	}
	if r.ContentLength > MaxBody {
		return to, http.StatusRequestEntityTooLarge, fmt.Sprintf("request: more than %d bytes", MaxBody)
	}
	return to, 0, ""
}

// refuse answers with a line of text and ends the connection, and does not wait for what is left of the body.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Connection", "close")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(restTime))
	_ = control.SetWriteDeadline(time.Now().Add(writeTime))
	http.Error(w, text, status)
}

// wait waits, or until the context ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// answer carries out what a body asks for and returns status and body of the answer.
func (s *Server) answer(ctx context.Context, to route, path string, body []byte) (int, []byte) {
	calls, batch, bad := parseBody(body)
	if bad != nil {
		a := answer{to: &message{id: null}, err: bad}
		return statusOf(bad), a.append(nil)
	}
	if !batch {
		a := s.call(ctx, to, path, &calls[0])
		switch {
		case calls[0].silent:
			return http.StatusNoContent, nil
		case calls[0].v2 || a.err == nil:
			return http.StatusOK, a.append(nil)
		}
		return statusOf(a.err), a.append(nil)
	}
	var all []byte
	for i := range calls {
		var a answer
		if len(all) > maxAnswer {
			a = answer{to: &calls[i], err: Errorf(InvalidRequest, "batch: the answers before this one have more than %d bytes", maxAnswer)}
		} else {
			a = s.call(ctx, to, path, &calls[i])
		}
		if calls[i].silent {
			continue
		}
		all = a.append(append(all, ','))
	}
	if len(all) == 0 {
		return http.StatusNoContent, nil
	}
	all[0] = '['
	return http.StatusOK, append(all, ']')
}

// statusOf returns the HTTP status that goes with an error of JSON-RPC 1.0, and with bodies that are none.
func statusOf(e *Error) int {
	switch e.Code {
	case InvalidRequest:
		return http.StatusBadRequest
	case NoSuchMethod:
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

// call carries out one call.
func (s *Server) call(ctx context.Context, to route, path string, m *message) (a answer) {
	a.to = m
	if m.bad != nil {
		a.err = m.bad
		return a
	}
	method := s.config.Methods.byName[m.method]
	if method == nil {
		a.err = Errorf(NoSuchMethod, "method %.64q: there is none; help lists them", m.method)
		return a
	}
	args, bad := method.args(m.params)
	if bad != nil {
		a.err = bad
		return a
	}
	begun := time.Now()
	result, err := s.invoke(ctx, method, &Call{Chain: to.chain, Wallet: to.wallet, Args: args, Path: path})
	if err != nil {
		a.err = asError(err)
	} else {
		a.result = result
	}
	s.config.Log.Debug("rpc", "method", method.Name, "chain", to.chain, "took", time.Since(begun), "failed", err != nil)
	return a
}

// invoke calls a method. What goes wrong inside one is our own fault: it is logged with a number, and only that is answered.
func (s *Server) invoke(ctx context.Context, x *Method, c *Call) (result json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			id := make([]byte, 4)
			_, _ = rand.Read(id) // never fails
			what := fmt.Sprintf("%T", p)
			if e, ok := p.(runtime.Error); ok { // others may quote what is secret
				what = e.Error()
			}
			s.config.Log.Error("rpc: a method broke", "id", hex.EncodeToString(id), "method", x.Name, "panic", what, "stack", string(debug.Stack()))
			result, err = nil, Errorf(Internal, "internal error; the log has it under %x", id)
		}
	}()
	v, err := x.Call(ctx, c)
	if err != nil {
		return nil, err
	}
	return encode(v), nil
}
