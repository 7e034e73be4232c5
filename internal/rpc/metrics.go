package rpc

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Kind is how a metric moves.
type Kind string

// The kinds.
const (
	Gauge   Kind = "gauge"   // up and down
	Counter Kind = "counter" // up only, from 0 at the start
)

// Metric is one number that is watched, for as many things as there are.
type Metric struct {
	Name   string // "lamina_blocks"; counters end in _total
	Text   string // what it is, with its unit
	Kind   Kind
	Values []Value
}

// Value is the number for one thing, which its labels name: pairs of name and value.
type Value struct {
	Labels []string
	Number float64
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	escapeText = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeMark = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// appendMetrics appends metrics in the text format that Prometheus reads (version 0.0.4). A name that the format does not
// know is a broken invariant.
func appendMetrics(dst []byte, all []Metric) []byte {
	for _, m := range all {
		if !metricName.MatchString(m.Name) || (m.Kind != Gauge && m.Kind != Counter) {
			panic("metric " + m.Name + " of kind " + string(m.Kind))
		}
		dst = fmt.Appendf(dst, "# HELP %s %s\n# TYPE %s %s\n", m.Name, escapeText.Replace(m.Text), m.Name, m.Kind)
		for _, v := range m.Values {
			dst = append(dst, m.Name...)
			for i := 0; i+1 < len(v.Labels); i += 2 {
				if !labelName.MatchString(v.Labels[i]) {
					panic("metric " + m.Name + " with label " + v.Labels[i])
				}
				dst = append(dst, "{,"[min(i, 1)])
				dst = fmt.Appendf(dst, `%s="%s"`, v.Labels[i], escapeMark.Replace(v.Labels[i+1]))
			}
			if len(v.Labels) > 1 {
				dst = append(dst, '}')
			}
			dst = append(append(append(dst, ' '), number(v.Number)...), '\n')
		}
	}
	return dst
}

func number(f float64) string {
	if f == float64(int64(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64) // NaN, +Inf and -Inf are spelled as the format wants them
}

// Health is whether a program can be relied on right now.
type Health struct {
	Status  string   `json:"status"`            // "ok", or "not ready" when there are reasons
	Reasons []string `json:"reasons,omitempty"` // why not
	Chains  []Stand  `json:"chains"`
}

// Stand is where one chain stands.
type Stand struct {
	Chain  string `json:"chain"`
	Height int32  `json:"height"`  // of the best verified block
	Best   int32  `json:"headers"` // of the best header that is known
	Age    int64  `json:"age"`     // seconds since the best block's time
	Peers  int    `json:"peers"`
	Synced bool   `json:"synced"`
}

// Judge says what a set of chains is worth: ok only if there is one at all, all are synced, and Reasons is empty.
func Judge(all []Stand, reasons ...string) Health {
	if len(all) == 0 {
		reasons = append(reasons, "no chain is followed")
	}
	for _, c := range all {
		if !c.Synced {
			reasons = append(reasons, fmt.Sprintf("%s: block %d of %d, %d s old, %d peers", c.Chain, c.Height, c.Best, c.Age, c.Peers))
		}
	}
	h := Health{Status: "ok", Reasons: reasons, Chains: all}
	if len(reasons) > 0 {
		h.Status = "not ready"
	}
	return h
}

// Watch answers /metrics and /health, to anybody who can reach it, with numbers only: no address, amount or key of a user
// belongs there.
type Watch struct {
	Metrics func() []Metric
	Health  func() Health
	Hosts   []string // names of the server besides localhost and its addresses
	Log     *slog.Logger
}

// Serve answers until the context ends. The listener's address is the operator's choice.
func (w *Watch) Serve(ctx context.Context, l net.Listener) error {
	log := w.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	web := &http.Server{Handler: w, ReadTimeout: headerTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHead,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return serve(ctx, web, l, func() {})
}

// ServeHTTP answers one request.
func (w *Watch) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	names := hosts{}
	for _, name := range w.Hosts {
		names[strings.ToLower(name)] = true
	}
	head := out.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	status, body := http.StatusOK, []byte(nil)
	switch {
	case !names.admits(r.Host):
		refuse(out, http.StatusForbidden, "this server does not go by that name")
		return
	case r.URL.Path != "/metrics" && r.URL.Path != "/health":
		refuse(out, http.StatusNotFound, "want /metrics or /health")
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		head.Set("Allow", "GET, HEAD")
		refuse(out, http.StatusMethodNotAllowed, "want GET")
		return
	case r.URL.Path == "/metrics":
		head.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		body = appendMetrics(nil, w.Metrics())
	default:
		h := w.Health()
		if h.Status != "ok" || len(h.Reasons) > 0 {
			status = http.StatusServiceUnavailable
		}
		head.Set("Content-Type", "application/json")
		body = append(bytes.TrimSpace(encode(h)), '\n')
	}
	out.WriteHeader(status)
	_, _ = out.Write(body)
}

// Age returns how old something is, whole seconds, at least 0.
func Age(now time.Time, at uint32) int64 { return max(0, now.Unix()-int64(at)) }
