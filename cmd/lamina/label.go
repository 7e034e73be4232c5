package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

const labelHelp = `Write labels beside the money, and exchange them with other wallets (BIP329).

  lamina label set tx TXID "rent in May"
  lamina label set addr ADDRESS ""
  lamina label export > labels.jsonl
  lamina label import labels.jsonl`

func (s *session) label() *cobra.Command {
	return group("label", "write labels, and exchange them", labelHelp, s.labelSet(), s.labelExport(), s.labelImport())
}

const labelSetHelp = `Write a label; an empty one removes it. Kinds are tx, addr, pubkey, input, output and xpub.

  lamina label set tx TXID "rent in May"
  lamina label set output TXID:0 "savings"`

func (s *session) labelSet() *cobra.Command {
	var f purseFlags
	return s.onPurse("set KIND REF TEXT", "write a label", labelSetHelp, cobra.ExactArgs(3), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			if err := d.SetLabel(ctx, d.in, args[0], args[1], args[2]); err != nil {
				return err
			}
			return d.answer(ctx, map[string]any{"type": args[0], "ref": args[1], "label": args[2]}, func() { s.printf("%s %s\n", args[0], args[1]) })
		})
}

const labelExportHelp = `Print all labels and frozen coins as a label file (BIP329).

  lamina label export > labels.jsonl`

func (s *session) labelExport() *cobra.Command {
	var f purseFlags
	return s.onPurse("export", "print all labels", labelExportHelp, cobra.NoArgs, &f, wantRecords,
		func(ctx context.Context, d *desk, _ []string) error {
			var file bytes.Buffer
			if err := d.ExportLabels(ctx, d.in, &file); err != nil {
				return err
			}
			if s.json {
				return d.answer(ctx, map[string]any{"file": file.String()}, nil)
			}
			_, err := s.out.Write(file.Bytes())
			return err
		})
}

const labelImportHelp = `Take in a label file (BIP329), all of it or nothing.

  lamina label import labels.jsonl
  lamina label import - < labels.jsonl`

func (s *session) labelImport() *cobra.Command {
	var f purseFlags
	return s.onPurse("import FILE", "take in a label file", labelImportHelp, cobra.ExactArgs(1), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			var from io.Reader = s.in
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return unreadable(err, "give a file, or - for standard input")
				}
				defer file.Close()
				from = file
			}
			got, err := d.ImportLabels(ctx, d.in, from)
			if err != nil {
				return err
			}
			return d.answer(ctx, got, func() {
				s.printf("%d labels, %d coins frozen or thawed, %d labels shortened\n", got.Labels, got.Frozen, got.Cut)
				for _, why := range got.Skipped {
					s.printf("skipped: %s\n", shown(why))
				}
			})
		})
}

const messageHelp = `Sign messages with the key of an address, and verify what others signed (BIP322).

  lamina message sign ADDRESS "it is mine" --password-file pw
  lamina message verify ADDRESS SIGNATURE "it is mine"`

func (s *session) message() *cobra.Command {
	return group("message", "sign and verify messages", messageHelp, s.messageSign(), s.messageVerify())
}

// messageText returns the message: an argument, or a file's content.
func (s *session) messageText(args []string, file string) ([]byte, error) {
	if (len(args) == 1) == (file != "") {
		return nil, unreadable(fmt.Errorf("message: want it as an argument or by --file"), "")
	}
	if file != "" {
		return s.read(file)
	}
	return []byte(args[0]), nil
}

const messageSignHelp = `Sign a message with the key of an address of the wallet (P2WPKH and P2TR).

  lamina message sign ADDRESS "it is mine"
  lamina message sign ADDRESS --file statement.txt --password-file pw`

func (s *session) messageSign() *cobra.Command {
	var f purseFlags
	var password secretFlags
	var file string
	c := s.onPurse("sign ADDRESS [TEXT]", "sign a message", messageSignHelp, cobra.RangeArgs(1, 2), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			text, err := s.messageText(args[1:], file)
			if err != nil {
				return err
			}
			given, err := d.password(ctx, &password)
			if err != nil {
				return err
			}
			defer given.Wipe()
			signature, err := d.SignMessage(ctx, d.in, args[0], text, given)
			if err != nil {
				return err
			}
			if s.json {
				return d.answer(ctx, map[string]any{"address": args[0], "signature": signature}, nil)
			}
			s.printf("%s\n", signature)
			return nil
		})
	password.add(c.Flags(), "password")
	c.Flags().StringVar(&file, "file", "", "file whose content is the message, - for standard input")
	return c
}

const messageVerifyHelp = `Verify a signed message. Exit code 1: the signature is not one of the message by the address.

  lamina message verify ADDRESS SIGNATURE "it is mine"
  lamina message verify ADDRESS SIGNATURE --file statement.txt`

func (s *session) messageVerify() *cobra.Command {
	var f purseFlags
	var file string
	c := s.onPurse("verify ADDRESS SIGNATURE [TEXT]", "verify a signed message", messageVerifyHelp, cobra.RangeArgs(2, 3), &f, wantRecords,
		func(ctx context.Context, d *desk, args []string) error {
			text, err := s.messageText(args[2:], file)
			if err != nil {
				return err
			}
			bad := d.VerifyMessage(ctx, d.in.Chain, args[0], text, args[1])
			if bad != nil && app.CodeOf(bad) != app.CodeInvalid {
				return bad
			}
			answer := struct {
				Address string `json:"address"`
				Valid   bool   `json:"valid"`
				Why     string `json:"why,omitempty"`
			}{args[0], bad == nil, ""}
			if bad != nil {
				answer.Why = bad.Error()
			}
			err = d.answer(ctx, answer, func() { s.printf("%s\n", yesNo(answer.Valid, "verified", "refuted: "+answer.Why)) })
			if err == nil && bad != nil {
				err = refuted
			}
			return err
		})
	c.Flags().StringVar(&file, "file", "", "file whose content is the message, - for standard input")
	return c
}
