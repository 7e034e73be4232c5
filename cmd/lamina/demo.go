package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/doctor"
)

const demoHelp = `Verify real samples that are built into the program, and show spoiled copies being refuted. Then mine
headers of the dev chain, serve them from peers on this machine, and follow them as lamina sync does.
At last start a node that mines the whole development stack, and wallets that receive, pay, split,
combine and are restored; then three settlers, a deposit to a layer, a withdrawal, and a swap.

  lamina demo
  lamina demo --json
  lamina demo --keep

It needs no network, only this machine's loopback, and leaves nothing behind. With --keep the stack runs
on until you interrupt it, and you are told how to look around meanwhile. The exit code is 1 if anything
does not end as it must.`

func (s *session) demo() *cobra.Command {
	keep := false
	c := &cobra.Command{
		Use: "demo", Short: "verify built-in real samples, run a stack", Long: demoHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return s.runDemo(ctx, keep)
		},
	}
	c.Flags().BoolVar(&keep, "keep", false, "let the stack run until interrupted")
	return c
}

// sampleResult says how the verification of one sample ended.
type sampleResult struct {
	Title     string         `json:"title"`
	Kind      app.Kind       `json:"kind"`
	OK        bool           `json:"ok"` // ended as it must
	Verdict   doctor.Verdict `json:"verdict"`
	Headers   int            `json:"headers"` // verified, or judged before the refuted one
	Checks    int            `json:"checks"`  // kinds of checks that passed
	RefutedBy string         `json:"refuted_by,omitempty"`
	Cause     *doctor.Cause  `json:"cause,omitempty"`
	Micros    int64          `json:"microseconds"`
	Problem   string         `json:"problem,omitempty"`
}

// demoSum is one line of the summary.
type demoSum struct {
	What   string `json:"what"`
	Count  int    `json:"count"`
	Micros int64  `json:"microseconds"`
}

type demoResult struct {
	OK      bool           `json:"ok"`
	Samples []sampleResult `json:"samples"`
	Live    []stepResult   `json:"live"`
	Summary []demoSum      `json:"summary"`
	Kept    *keptStack     `json:"kept,omitempty"`
}

// keptStack says how to look at a stack that runs on.
type keptStack struct {
	Dir      string   `json:"dir"`
	Commands []string `json:"commands"`
}

func (s *session) runDemo(ctx context.Context, keep bool) error {
	samples, err := loadSamples()
	if err != nil {
		return err
	}
	a, err := s.open()
	if err != nil {
		return err
	}
	result := demoResult{OK: true}
	s.title("Real chain data, verified offline:\n\n")
	for i := range samples {
		r := s.verifySample(&samples[i], a)
		result.add(&r)
		if !s.json {
			s.showSample(&r)
		}
	}
	step := func(r *stepResult) {
		result.addStep(r)
		if !s.json {
			s.showStep(r)
		}
	}
	s.title("\nA chain of its own, mined here and followed over this machine's loopback:\n\n")
	if err := s.runLive(a, step); err != nil {
		return err
	}
	s.title("\nThe development stack, in processes of its own:\n\n")
	err = s.demoStack(ctx, keep, &result, step)
	if !result.OK {
		return errors.Join(err, &failure{code: exitRefuted, err: errors.New("demo: something did not end as it must")})
	}
	return err
}

// demoStack runs the stack and tells the whole result: while the stack runs, if it is kept, and else after it.
func (s *session) demoStack(ctx context.Context, keep bool, result *demoResult, step func(*stepResult)) error {
	told := false
	tell := func() error {
		told = true
		if s.json {
			return s.printJSON(*result)
		}
		return s.showSummary(result)
	}
	err := s.runStack(ctx, step, func(d *stackDemo) error {
		if !keep || !result.OK {
			return nil
		}
		result.Kept = d.lookAround()
		if err := tell(); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	if !told {
		err = errors.Join(err, tell())
	}
	return err
}

// title begins a part of what people read.
func (s *session) title(text string) {
	if !s.json {
		s.printf("%s", text)
	}
}

// add counts a result in the summary.
func (d *demoResult) add(r *sampleResult) {
	d.Samples = append(d.Samples, *r)
	d.OK = d.OK && r.OK
	what := sampleWords[r.Kind]
	count := 1
	if r.Verdict == doctor.Refuted {
		what = "spoiled or mistaken, refuted"
	} else if r.Kind == "headers" {
		count = r.Headers
	}
	for i := range d.Summary {
		if d.Summary[i].What == what {
			d.Summary[i].Count += count
			d.Summary[i].Micros += r.Micros
			return
		}
	}
	d.Summary = append(d.Summary, demoSum{What: what, Count: count, Micros: r.Micros})
}

// addStep counts a step of the live part.
func (d *demoResult) addStep(r *stepResult) {
	d.Live = append(d.Live, *r)
	d.OK = d.OK && r.OK
	d.Summary = append(d.Summary, demoSum{What: r.Title, Count: r.Count, Micros: r.Micros})
}

func (s *session) showStep(r *stepResult) {
	state := "ok"
	if !r.OK {
		state = "WRONG"
	}
	s.printf("%-6s %d %s\n       %s%s, %s\n", state, r.Count, r.Title, r.Detail, r.Problem, duration(r.Micros))
}

func (s *session) showSample(r *sampleResult) {
	state := "ok"
	if !r.OK {
		state = "WRONG"
	}
	s.printf("%-6s %s\n       %s", state, r.Title, r.Verdict)
	if r.RefutedBy != "" {
		s.printf(" by %s", r.RefutedBy)
	}
	s.printf(", %s\n", duration(r.Micros))
	if r.Cause != nil {
		s.printf("       cause: %s\n       mend:  %s\n", r.Cause.Text, r.Cause.Mend)
	}
	if r.Problem != "" {
		s.printf("       problem: %s\n", r.Problem)
	}
}

func duration(micros int64) string {
	return fmt.Sprintf("%.1f ms", float64(micros)/1000)
}

func (s *session) showSummary(d *demoResult) error {
	s.printf("\n")
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "WHAT\tCOUNT\tTIME")
	for _, sum := range d.Summary {
		fmt.Fprintf(w, "%s\t%d\t%s\n", sum.What, sum.Count, duration(sum.Micros))
	}
	if err := w.Flush(); err != nil || d.Kept == nil {
		return err
	}
	s.printf("\nIt runs on in %s until you interrupt it. In another terminal:\n\n", d.Kept.Dir)
	for _, command := range d.Kept.Commands {
		s.printf("  %s\n", command)
	}
	return nil
}

// since returns the microseconds since a moment.
func (s *session) since(t time.Time) int64 { return s.now().Sub(t).Microseconds() }

// loadSamples reads the list of samples.
func loadSamples() ([]sample, error) {
	index, err := assets.Samples.ReadFile("samples/index.json")
	if err != nil {
		return nil, err
	}
	var samples []sample
	return samples, json.Unmarshal(index, &samples)
}

// passed counts the checks that passed.
func passed(checks []spv.Check) int {
	n := 0
	for _, c := range checks {
		if c.Outcome == spv.Passed {
			n++
		}
	}
	return n
}
