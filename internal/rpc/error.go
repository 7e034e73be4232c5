package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Code is the number of an error. The numbers are those of the wallets and nodes that programs were written for
// (their protocol.h), and below -32000 those of JSON-RPC 2.0.
type Code int

// The codes.
const (
	Misc             Code = -1 // anything else, also a wrong number of parameters
	WrongType        Code = -3
	Wallet           Code = -4
	NotFound         Code = -5 // an address or key that is none, or a block or transaction that is not known
	NoFunds          Code = -6
	InvalidParameter Code = -8
	NotConnected     Code = -9
	NotSynced        Code = -10
	NeedsUnlock      Code = -13
	WrongPassphrase  Code = -14
	NoSuchWallet     Code = -18
	NoWalletNamed    Code = -19
	Undecodable      Code = -22
	PeerAdded        Code = -23
	PeerNotAdded     Code = -24
	Unverified       Code = -25
	Rejected         Code = -26
	AlreadyInChain   Code = -27
	WarmingUp        Code = -28
	PeerNotConnected Code = -29
	NoSuchHost       Code = -30 // no address of a host, or one that is not banned
	Unavailable      Code = -33 // the part that answers is not running
	InvalidRequest   Code = -32600
	NoSuchMethod     Code = -32601
	InvalidParams    Code = -32602
	Internal         Code = -32603
	Unparsable       Code = -32700
)

// maxMessage is the most bytes of an error's text that are sent.
const maxMessage = 4000

// Error is what a method answers instead of a result.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Data is whatever a method adds, for programs (JSON-RPC 2.0, section 5.1); nil: nothing.
	Data json.RawMessage `json:"data,omitempty"`
}

// Errorf returns an error with a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns "MESSAGE (CODE)".
func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// asError returns what to answer for an error of a method.
func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: Misc, Message: err.Error()}
	}
	if len(e.Message) > maxMessage {
		return &Error{Code: e.Code, Message: e.Message[:maxMessage]}
	}
	return e
}
