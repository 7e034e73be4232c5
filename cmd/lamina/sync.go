package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const syncHelp = `Follow a chain's headers from peers, judge every one of them and keep them on disk.

  lamina sync --chain NAME --connect 127.0.0.1:18444 --once
  lamina sync --chain NAME --connect HOST:PORT --connect HOST:PORT --json

Peers are the ones you name; finding peers, filters and stacks of chains are not there
yet. Merged-mining proofs are verified, but not yet linked to the parent chain.
The line shows the stage, the height judged so far, headers a second, bytes received and
the peers; with --json it is one document a line. With --once the program ends as soon as
every connected peer has told all it knows, with exit code 0; interrupted before that it
ends with 2.`

// syncFlags are what the command line says.
type syncFlags struct {
	chain   string
	connect []string
	dir     string
	once    bool
	verbose bool
}

func (s *session) sync() *cobra.Command {
	var f syncFlags
	c := &cobra.Command{
		Use: "sync", Short: "follow a chain's headers from peers", Long: syncHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return s.runSync(c.Context(), &f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.chain, "chain", "", "the chain, as lamina chains names it")
	flags.StringArrayVar(&f.connect, "connect", nil, "peer to connect to, host:port (repeatable)")
	flags.StringVar(&f.dir, "data-dir", defaultDataDir(), "folder that the headers are kept in")
	flags.BoolVar(&f.once, "once", false, "end as soon as all is synced")
	flags.BoolVar(&f.verbose, "verbose", false, "log what happens with peers to standard error")
	_ = c.MarkFlagRequired("chain")
	_ = c.MarkFlagRequired("connect")
	return c
}

// defaultDataDir is where the system keeps a program's data for a user.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "lamina")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "lamina-data"
	}
	return filepath.Join(home, ".local", "share", "lamina")
}

func (s *session) runSync(ctx context.Context, f *syncFlags) error {
	params, err := s.chain(f.chain)
	if err != nil {
		return err
	}
	if params.Layer != nil {
		return unreadable(fmt.Errorf("%s is a layer: its proofs want its parent chain followed beside it, which is not there yet", params.Name),
			"follow "+params.Parent)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, done := context.WithCancel(ctx)
	defer done()
	level := slog.LevelError
	if f.verbose {
		level = slog.LevelDebug
	}
	follow := app.Sync{Chain: params, DataDir: f.dir, Peers: f.connect, Agent: "/Lamina:0.1.0/",
		Log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))}
	line := &syncLine{s: s, chain: params.Name, terminal: !s.json && isTerminal(s.out)}
	synced := false
	err = follow.Run(ctx, func(r app.Progress) {
		synced = r.Synced
		line.show(r, s.now())
		if synced && f.once {
			done()
		}
	})
	line.end()
	var open *app.DataError
	switch {
	case errors.As(err, &open):
		return unreadable(err, open.Hint)
	case err != nil:
		return unreadable(err, "")
	case f.once && !synced:
		return unreadable(errors.New("interrupted before all was synced"), "run it again: it continues where it stood")
	}
	return nil
}

// syncLine shows how a synchronisation goes: in place on a terminal, otherwise a line
// whenever something changes, a second apart at the least.
type syncLine struct {
	s        *session
	chain    string
	terminal bool
	shown    time.Time
	last     syncReport
	first    *syncReport
	began    time.Time
}

// syncReport is one JSON line.
type syncReport struct {
	Chain   string  `json:"chain"`
	Stage   string  `json:"stage"`
	Height  int32   `json:"height"`
	Tip     string  `json:"tip"`
	TipTime uint32  `json:"tip_time"`
	Claimed int32   `json:"claimed_height"` // by peers' word, not verified
	Shown   int32   `json:"presync_height,omitempty"`
	Rate    float64 `json:"headers_per_second"`
	Bytes   int64   `json:"bytes_received"`
	ETA     *int64  `json:"eta_seconds,omitempty"` // absent: unknown
	Peers   int     `json:"peers"`
	Synced  bool    `json:"synced"`
	Waiting string  `json:"waiting_for,omitempty"`
	Trouble string  `json:"trouble,omitempty"`
}

func (l *syncLine) show(r app.Progress, now time.Time) {
	report := l.report(r, now)
	if report == l.last || (now.Sub(l.shown) < time.Second && report.Synced == l.last.Synced && !l.shown.IsZero()) {
		return
	}
	l.last, l.shown = report, now
	if l.s.json {
		// One document a line, whatever printJSON does elsewhere.
		_ = json.NewEncoder(l.s.out).Encode(report)
		return
	}
	text := l.text(&report)
	if l.terminal {
		l.s.printf("\r\x1b[K%s", text)
		return
	}
	l.s.printf("%s\n", text)
}

func (l *syncLine) report(r app.Progress, now time.Time) syncReport {
	report := syncReport{Chain: l.chain, Stage: string(r.Stage), Height: r.Tip.Height, Tip: r.Tip.Hash.String(), TipTime: r.TipTime,
		Claimed: r.Claimed, Shown: r.Shown, Bytes: r.Received, Peers: r.Peers, Synced: r.Synced, Waiting: r.Waiting, Trouble: r.Trouble}
	if l.first == nil {
		start := report
		l.first, l.began = &start, now
	}
	if seconds := now.Sub(l.began).Seconds(); seconds > 0 {
		report.Rate = float64(int64(float64(report.Height-l.first.Height) / seconds))
	}
	if left := int64(report.Claimed - report.Height); left > 0 && report.Rate > 0 && r.Stage == "headers" {
		eta := int64(float64(left) / report.Rate)
		report.ETA = &eta
	}
	return report
}

func (l *syncLine) text(r *syncReport) string {
	text := fmt.Sprintf("%s  %s  height %d", r.Chain, r.Stage, r.Height)
	if r.Claimed > r.Height {
		text += fmt.Sprintf(" of %d claimed", r.Claimed)
	}
	if r.Shown > 0 {
		text += fmt.Sprintf(" (shown %d)", r.Shown)
	}
	text += fmt.Sprintf("  %.0f/s  %s  %d peers", r.Rate, byteText(r.Bytes), r.Peers)
	if r.ETA != nil {
		text += fmt.Sprintf("  %d s left", *r.ETA)
	}
	if r.Waiting != "" {
		text += "  waiting for " + r.Waiting
	}
	if r.Trouble != "" {
		text += "  (" + r.Trouble + ")"
	}
	return text
}

func (l *syncLine) end() {
	if l.terminal {
		l.s.printf("\n")
	}
}

func byteText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	default:
		return fmt.Sprintf("%d MB", n/1_000_000)
	}
}
