package store

import (
	"fmt"
	"io"

	"github.com/layeredpow/lamina/spv"
)

// Past is the headers of a chain up to a height that it never goes back below. Unlike the
// Chain it is safe for concurrent use, as long as the store is open.
type Past struct {
	name     string
	file     io.ReaderAt
	base, to int32
	first    int64 // the base's place in the file
}

// Past returns the headers up to a height. It is for the caller to know that nothing
// below is undone any more.
func (c *Chain) Past(to int32) Past {
	_ = c.Settle() // if that failed, what was begun is not held
	return Past{name: c.name, file: c.file, base: c.base.Height, to: min(to, c.tip.Height), first: c.slot(c.base.Height)}
}

// Base returns the lowest height held.
func (p *Past) Base() int32 { return p.base }

// To returns the highest height held.
func (p *Past) To() int32 { return p.to }

// Headers reads n headers from a height upwards. They must be held.
func (p *Past) Headers(height, n int32) ([]spv.Header, error) {
	if height < p.base || n < 0 || int64(height)+int64(n)-1 > int64(p.to) {
		return nil, fmt.Errorf("headers of %s: %d from %d, held are %d to %d", p.name, n, height, p.base, p.to)
	}
	raw := make([]byte, int(n)*spv.HeaderSize)
	if _, err := p.file.ReadAt(raw, (p.first+int64(height-p.base))*spv.HeaderSize); err != nil {
		return nil, fmt.Errorf("headers of %s from %d: %w", p.name, height, err)
	}
	headers := make([]spv.Header, n)
	for i := range headers {
		headers[i] = spv.Header(raw[i*spv.HeaderSize:])
	}
	return headers, nil
}
