package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/color"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"
	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc/walletapi"
)

const receiveHelp = `Show an address to be paid at.

  lamina receive
  lamina receive --new --label rent --amount 0.5 --qr
  lamina receive --kind p2wpkh --json
  lamina receive --account 1

It is the same one until somebody has paid to it; --new takes the next.`

func (s *session) receive() *cobra.Command {
	var f purseFlags
	var r app.ReceiveRequest
	var amount string
	var picture bool
	var account accountFlag
	c := s.onPurse("receive", "show an address to be paid at", receiveHelp, cobra.NoArgs, &f, wantMoney,
		func(ctx context.Context, d *desk, _ []string) (err error) {
			if amount != "" {
				if r.Amount, err = walletapi.ParseAmount(d.unit, amount); err != nil {
					return unreadable(err, "")
				}
			}
			if account.number >= 0 {
				rows, err := account.rows(ctx, d, cmp.Or(r.Kind, "p2wpkh"))
				if err != nil {
					return err
				}
				r.Account = &rows[0]
			}
			got, err := d.Receive(ctx, d.in, r)
			if err != nil {
				return err
			}
			code := ""
			if picture && !s.json {
				if code, err = qrText(got.URI); err != nil {
					return err
				}
			}
			return d.answer(ctx, got, func() {
				s.printf("%s\n%s\n%s", got.Address, got.URI, code)
				if got.Uses > 0 {
					s.printf("note: paid to %d times already: whoever looks sees that the payments belong together\n", got.Uses)
				}
				if got.Beyond {
					s.printf("note: programs with a gap limit of 20 do not find this address after a restore\n")
				}
				if !got.Verified {
					s.printf("note: no password has vouched for this wallet's addresses since the program started\n")
				}
			})
		})
	flags := c.Flags()
	flags.StringVar(&r.Kind, "kind", "", "p2tr, p2wpkh, p2sh-p2wpkh or p2pkh (default: the newest that the chain has)")
	account.add(flags, "number of the account (default: 0)")
	flags.BoolVar(&r.Fresh, "new", false, "the next address, even if nobody paid to the last")
	flags.StringVar(&r.Label, "label", "", "label, kept for the address and shown to the payer")
	flags.StringVar(&amount, "amount", "", "amount to ask for, in whole coins")
	flags.StringVar(&r.Message, "message", "", "message to the payer")
	flags.BoolVar(&picture, "qr", false, "also draw it as a QR code")
	return c
}

// quiet is the border that readers of QR codes want, in modules.
const quiet = 4

// qrText draws a QR code with half blocks, two modules a character, dark on light whatever the terminal's colours are.
func qrText(text string) (string, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("qr code: %w", err)
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool {
		x, y = x-quiet, y-quiet
		return x >= 0 && y >= 0 && x < size && y < size && code.At(x, y) == color.Black
	}
	var b strings.Builder
	for y := 0; y < size+2*quiet; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := range size + 2*quiet {
			switch up, down := dark(x, y), dark(x, y+1); {
			case up && down:
				b.WriteRune('█')
			case up:
				b.WriteRune('▀')
			case down:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}

// number reads a whole number from the command line.
func number(text string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, unreadable(fmt.Errorf("%q: want a whole number from %d to %d", text, least, most), "")
	}
	return n, nil
}

// feeRate reads base units per virtual byte as a rate per 1000. Empty is 0: what is recommended.
func feeRate(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	rate, err := walletapi.ParseAmount(app.Unit{Decimals: 3}, text)
	if err == nil && rate == 0 {
		err = errors.New("want more than 0")
	}
	if err != nil {
		return 0, unreadable(fmt.Errorf("--rate %q: want base units per virtual byte, with at most 3 digits after the point", text), "lamina fee shows what is paid")
	}
	return rate, nil
}
