package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxEvent is the largest line of a stream of events that is read, bytes.
const maxEvent = 1 << 20

// ErrDropped: the server dropped us, as we read too slowly. Events after the last one can be asked for again.
var ErrDropped = errors.New("dropped by the server: too far behind")

// Events reads the server's events of these kinds (none: all) of the access's chain and gives each of them to take, until the
// context ends, the stream does, or take returns an error. Last is the id of the last event that is known already, empty for
// none. An event of kind "gap" says that some before the next are no longer kept.
func (c *Client) Events(ctx context.Context, last string, kinds []string, take func(Event) error) error {
	query := url.Values{"kind": kinds}
	if c.access.Chain != "" {
		query.Set("chain", c.access.Chain)
	}
	at, _ := url.Parse(c.endpoint) // was built from parts
	at.Path, at.RawPath, at.RawQuery = "/events", "", query.Encode()
	head := map[string]string{"Accept": "text/event-stream"}
	if last != "" {
		head["Last-Event-ID"] = last
	}
	response, err := c.ask(ctx, http.MethodGet, at.String(), nil, head)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("events: the server answers %s", response.Status)
	}
	return readEvents(response.Body, take)
}

// readEvents reads a stream of events as this package writes them.
func readEvents(from io.Reader, take func(Event) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxEvent)
	data := ""
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "data:"); ok {
			data = strings.TrimPrefix(rest, " ")
			continue
		}
		if line != "" || data == "" { // comments, ids and kinds; the document repeats both
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		if data = ""; e.Kind == "dropped" {
			return ErrDropped
		}
		if err := take(e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return io.EOF
}
