package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/pow"
)

// sample is one line of the demo's index: a file, how to judge it, and how that must end.
type sample struct {
	Title     string        `json:"title"`
	Kind      app.Kind      `json:"kind"`
	File      string        `json:"file"`
	Chain     string        `json:"chain"`
	ChainID   int32         `json:"chain_id"` // with Work, instead of Chain
	Work      pow.Algorithm `json:"work"`
	Height    int32         `json:"height"`
	Spoil     *spoiling     `json:"spoil"`
	RefutedBy string        `json:"refuted_by"` // empty: it must be verified
	Cause     string        `json:"cause"`
}

// sampleWords names what each kind of sample holds.
var sampleWords = map[app.Kind]string{
	"header": "headers", "headers": "headers in runs", "auxpow": "merged-mining proofs", "merkle": "merkle proofs", "block": "blocks",
}

// verifySample verifies one sample and compares the end with the one that it must have.
func (s *session) verifySample(m *sample, a *app.App) sampleResult {
	result := sampleResult{Title: m.Title, Kind: m.Kind}
	r, micros, err := s.judgeSample(m, a)
	if err != nil {
		result.Problem = err.Error()
		return result
	}
	result.Micros, result.Verdict, result.Checks, result.Cause = micros, r.Verdict, passed(r.Checks), r.Cause
	result.Headers = 1
	if r.Run != nil {
		result.Headers = r.Run.Judged
	}
	if c, failed := r.Failure(); failed {
		result.RefutedBy = c.Name
	}
	cause := ""
	if r.Cause != nil {
		cause = r.Cause.Name
	}
	wanted := doctor.Verified
	if m.RefutedBy != "" {
		wanted = doctor.Refuted
	}
	result.OK = r.Verdict == wanted && result.RefutedBy == m.RefutedBy && cause == m.Cause
	if !result.OK {
		result.Problem = fmt.Sprintf("got %s by %q with cause %q, want %s by %q with cause %q",
			r.Verdict, result.RefutedBy, cause, wanted, m.RefutedBy, m.Cause)
	}
	return result
}

func (s *session) judgeSample(m *sample, a *app.App) (*doctor.Report, int64, error) {
	input, err := assets.Samples.ReadFile("samples/" + m.File)
	if err == nil && m.Spoil != nil {
		input, err = m.Spoil.apply(input)
	}
	if err != nil {
		return nil, 0, err
	}
	start := s.now()
	r, err := a.Verify(context.Background(), app.Request{
		Kind: m.Kind, Input: input, Chain: m.Chain, ChainID: m.ChainID, Work: m.Work, Height: m.Height,
	})
	return r, s.since(start), err
}

// spoiling is a change of some bytes of a sample.
type spoiling struct {
	From  int    `json:"from"` // from the end if negative
	Bytes int    `json:"bytes"`
	How   string `json:"how"` // "flip": the lowest bit of each byte; "words": the bytes of each 32-bit word reversed
}

// apply returns the changed sample.
func (p *spoiling) apply(input []byte) ([]byte, error) {
	raw, err := doctor.Decode(input)
	if err != nil {
		return nil, err
	}
	raw = slices.Clone(raw)
	from := p.From
	if from < 0 {
		from += len(raw)
	}
	if from < 0 || p.Bytes < 0 || from+p.Bytes > len(raw) {
		return nil, fmt.Errorf("spoiling: %d bytes at %d of %d", p.Bytes, p.From, len(raw))
	}
	part := raw[from : from+p.Bytes]
	switch p.How {
	case "flip":
		for i := range part {
			part[i] ^= 1
		}
	case "words":
		for w := range slices.Chunk(part, 4) {
			slices.Reverse(w)
		}
	default:
		return nil, fmt.Errorf("spoiling: %q is unknown", p.How)
	}
	return raw, nil
}
