package settle

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/swap"
	"github.com/layeredpow/lamina/wallet"
)

// start writes a session down together with the hash that it uses up.
func (b *Book) start(s *session) error {
	hash := s.offer.Hash
	if s.terms != nil {
		hash = s.terms.Hash
	}
	records := []wallet.Record{s.record()}
	if hash != ([32]byte{}) {
		records = append(records, record(s.Number, keyHash, hash[:]))
	}
	if err := b.log.Write(records); err != nil {
		return err
	}
	if hash != ([32]byte{}) {
		b.hashes[hash] = s.Number
	}
	b.hold(s)
	return nil
}

func (b *Book) keepSwap(s *session) error {
	if err := b.log.Write([]wallet.Record{s.record()}); err != nil {
		return err
	}
	b.hold(s)
	return nil
}

func (s *session) record() wallet.Record {
	return record(s, keySwap, binary.BigEndian.AppendUint32(nil, s.Number))
}

// hold makes a session known and looks for its legs.
func (b *Book) hold(s *session) {
	b.swaps[s.Number] = s
	if s.terms == nil {
		return
	}
	for i, side := range []*swap.Side{&s.terms.First, &s.terms.Second} {
		leg := s.terms.Leg(side)
		if s.legs[i] == "" {
			s.legs[i] = string(leg.PkScript())
		}
		b.legs[s.on(side)] = true
	}
}

func (b *Book) readSwap(key, value []byte) error {
	if len(key) != 4 {
		return errKey
	}
	s := &session{Index: binary.BigEndian.Uint32(key)} // of records that name none
	if err := decode(value, s); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(key) != s.Number || s.Number >= keystore.Hardened || s.Index >= keystore.Hardened {
		return errKey
	}
	var err error
	if s.offer, err = swap.DecodeOffer(s.Offer); err != nil {
		return err
	}
	if s.Answer != "" {
		a, err := swap.DecodeAnswer(s.Answer)
		if err != nil {
			return err
		}
		terms, err := swap.Join(s.offer, a)
		if err != nil {
			return err
		}
		s.terms = &terms
	}
	if err := s.checkSigned(); err != nil {
		return err
	}
	b.hold(s)
	return nil
}

// checkSigned judges the transactions of a record.
func (s *session) checkSigned() error {
	if s.terms == nil && (s.Funding != nil || s.Redeem != nil || s.Secret != nil) {
		return errors.New("funded, and not answered")
	}
	if s.Secret != nil && sha256.Sum256(s.Secret[:]) != s.terms.Hash {
		return errors.New("its secret is not its hash's")
	}
	all := append([]Rated(nil), s.Refunds...)
	if s.Redeem != nil {
		all = append(all, *s.Redeem)
	}
	if s.Funding != nil {
		all = append(all, Rated{Raw: s.Funding})
	}
	for _, r := range all {
		if _, err := parseTx(r.Raw); err != nil {
			return err
		}
	}
	return nil
}

func (b *Book) readHash(key, value []byte) error {
	var number uint32
	if len(key) != 32 {
		return errKey
	}
	if err := decode(value, &number); err != nil {
		return err
	}
	b.hashes[[32]byte(key)] = number
	return nil
}
