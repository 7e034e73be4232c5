package app

import (
	"encoding/json"
	"fmt"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/spv/doctor"
	"github.com/layeredpow/lamina/spv/pow"
)

// Example is a request over real data that comes with the program.
type Example struct {
	Title   string
	Request Request
}

// Examples returns requests for every kind of input, all of which verify.
func (a *App) Examples() ([]Example, error) {
	const folder = "samples/"
	index, err := assets.Samples.ReadFile(folder + "index.json")
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Title     string          `json:"title"`
		Kind      Kind            `json:"kind"`
		File      string          `json:"file"`
		Chain     string          `json:"chain"`
		ChainID   int32           `json:"chain_id"`
		Work      pow.Algorithm   `json:"work"`
		Height    *int32          `json:"height"`
		Spoil     json.RawMessage `json:"spoil"`
		RefutedBy string          `json:"refuted_by"`
	}
	if err := json.Unmarshal(index, &rows); err != nil {
		return nil, fmt.Errorf("%sindex.json: %w", folder, err)
	}
	var out []Example
	for _, row := range rows {
		if row.RefutedBy != "" || row.Spoil != nil {
			continue
		}
		input, err := assets.Samples.ReadFile(folder + row.File)
		if err != nil {
			return nil, err
		}
		r := Request{Kind: row.Kind, Input: input, Chain: row.Chain, ChainID: row.ChainID, Work: row.Work, Height: doctor.UnknownHeight}
		if row.Height != nil {
			r.Height = *row.Height
		}
		out = append(out, Example{Title: row.Title, Request: r})
	}
	return out, nil
}
