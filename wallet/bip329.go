package wallet

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"
)

// Limits of a label file (BIP329).
const (
	MaxLabelFile = 64 << 20 // bytes
	maxLabelLine = 64 << 10
)

// labelLine is one line of a label file.
type labelLine struct {
	Type      string  `json:"type"`
	Ref       string  `json:"ref"`
	Label     *string `json:"label,omitempty"`
	Origin    string  `json:"origin,omitempty"`
	Spendable *bool   `json:"spendable,omitempty"`
}

// Imported says what an import did.
type Imported struct {
	Labels  int      // set or changed
	Frozen  int      // coins frozen or thawed
	Cut     int      // labels shortened to MaxLabel
	Skipped []string // lines of types that BIP329 does not define, at most the first hundred
}

// ExportLabels writes all labels and frozen coins as a label file (BIP329), sorted. What
// is not written: tags and rules, which the format has no place for.
func (c *Chain) ExportLabels(w io.Writer) error {
	lines := map[labelKey]labelLine{}
	for k, l := range c.labels {
		lines[k] = labelLine{Type: k.kind, Ref: k.ref, Label: &l.text, Origin: l.origin}
	}
	no := false
	for op := range c.frozen {
		k := labelKey{"output", op.String()}
		line := lines[k]
		line.Type, line.Ref, line.Spendable = k.kind, k.ref, &no
		lines[k] = line
	}
	list := make([]labelLine, 0, len(lines))
	for _, l := range lines {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b labelLine) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Ref, b.Ref))
	})
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, l := range list {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// ImportLabels takes in a label file (BIP329) of at most MaxLabelFile bytes, all of it or
// nothing. Lines without a label leave the label that is there; spendable freezes and
// thaws coins. Labels of things that are not of this wallet are kept, too: its
// transactions may not be known yet.
func (c *Chain) ImportLabels(r io.Reader) (Imported, error) {
	var done Imported
	var records []Record
	labels := map[labelKey]label{}
	frozen := map[wire.OutPoint]bool{}
	limited := &io.LimitedReader{R: r, N: MaxLabelFile + 1}
	scan := bufio.NewScanner(limited)
	scan.Buffer(nil, maxLabelLine)
	for n := 1; scan.Scan(); n++ {
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		if err := c.readLine(scan.Bytes(), labels, frozen, &done); err != nil {
			return Imported{}, fmt.Errorf("label file, line %d: %w", n, err)
		}
		if len(labels)+len(frozen)+len(c.labels)+len(c.frozen) > maxNotes {
			return Imported{}, fmt.Errorf("label file, line %d: more than the %d that are kept", n, maxNotes)
		}
	}
	if err := scan.Err(); errors.Is(err, bufio.ErrTooLong) {
		return Imported{}, fmt.Errorf("label file: a line of more than %d bytes", maxLabelLine)
	} else if err != nil {
		return Imported{}, err
	}
	if limited.N == 0 {
		return Imported{}, fmt.Errorf("label file: more than %d bytes", MaxLabelFile)
	}
	for k, l := range labels {
		records = append(records, labelRecord(k, l))
	}
	for op, f := range frozen {
		records = append(records, frozenRecord(op, f))
	}
	if err := c.log.Write(records); err != nil {
		return Imported{}, err
	}
	for k, l := range labels {
		c.keepLabel(k, l)
	}
	for op, f := range frozen {
		c.keepFrozen(op, f)
	}
	done.Labels, done.Frozen = len(labels), len(frozen)
	return done, nil
}

// readLine reads one line into what is to be changed.
func (c *Chain) readLine(b []byte, labels map[labelKey]label, frozen map[wire.OutPoint]bool, done *Imported) error {
	var l labelLine
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	if !slices.Contains(labelKinds, l.Type) {
		if len(done.Skipped) < 100 {
			done.Skipped = append(done.Skipped, l.Type[:min(len(l.Type), 40)])
		}
		return nil
	}
	k := labelKey{l.Type, l.Ref}
	if l.Label != nil {
		text := *l.Label
		if len(text) > MaxLabel {
			text = strings.ToValidUTF8(text[:MaxLabel], "")
			done.Cut++
		}
		if err := c.checkLabel(k, label{text, l.Origin}); err != nil {
			return err
		}
		if now := (label{text, l.Origin}); c.labels[k] != now {
			labels[k] = now
		} else {
			delete(labels, k)
		}
	}
	if l.Spendable == nil {
		return nil
	}
	op, err := parseOutpoint(l.Ref)
	if err != nil || l.Type != "output" {
		return fmt.Errorf("spendable of %s %.100q: want an output, id and index", l.Type, l.Ref)
	}
	frozen[op] = !*l.Spendable
	return nil
}

// parseOutpoint reads an id in display order, a colon and an index.
func parseOutpoint(s string) (op wire.OutPoint, err error) {
	id, index, _ := strings.Cut(s, ":")
	if len(id) != 2*chainhash.HashSize {
		return op, fmt.Errorf("outpoint %.100q: want 64 hex digits, a colon and a number", s)
	}
	if err := chainhash.Decode(&op.Hash, id); err != nil {
		return op, fmt.Errorf("outpoint %.100q: %w", s, err)
	}
	n, err := strconv.ParseUint(index, 10, 32)
	if err != nil || index != strconv.FormatUint(n, 10) {
		return op, fmt.Errorf("outpoint %.100q: index %.20q, want a number", s, index)
	}
	op.Index = uint32(n)
	return op, nil
}
