package doctor

import (
	"bytes"
	"fmt"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/said"
)

// Header verifies one header: 80 bytes, with its merged-mining proof behind it if the
// chain has them. Difficulty and median time need the headers below and are reported as
// not checked, except right above genesis. The error says that the input is no header.
func Header(o Options, input []byte) (*Report, error) {
	raw, err := o.prepare(input)
	if err != nil {
		return nil, err
	}
	s, n, err := parseSealed(o.Rules, raw)
	if err != nil {
		return nil, err
	}
	if n != len(raw) {
		return nil, fmt.Errorf("header: %d bytes behind it, want none", len(raw)-n)
	}
	r := newReport(said.Of("header of %s", o.name()))
	judgeOne(&o, &s, r)
	r.conclude()
	r.diagnose(&o, &s)
	return r, nil
}

// parseSealed reads a header and, where one is due, its proof. Two headers do without:
// genesis, which nothing proves, and one that ends the input, whose proof was lost on the
// way and is missed by a check of its own.
func parseSealed(r *spv.Rules, raw []byte) (spv.Sealed, int, error) {
	if len(raw) == spv.HeaderSize || bytes.HasPrefix(raw, r.Genesis[:]) {
		return spv.ParseSealed(raw, false)
	}
	return spv.ParseSealed(raw, r.AuxPoW != nil)
}

// clock shows a header's time to people.
func clock(t uint32) string {
	return fmt.Sprintf("%d (%s)", t, time.Unix(int64(t), 0).UTC().Format("2006-01-02 15:04:05 UTC"))
}
