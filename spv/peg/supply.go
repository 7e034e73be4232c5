package peg

import "fmt"

// CheckSupply is the name of the audit.
const CheckSupply = "supply"

// Supply is the account of a peg, in L1 satoshis. All four are sums of what the layer's
// chain and L1 show; none is an estimate.
type Supply struct {
	Claimed int64 // deposits claimed on the layer
	Burned  int64 // burns on the layer, paid or not
	Vault   int64 // claimed deposits and change that batches have not spent, without the connector
	Unpaid  int64 // burns that no batch has paid
}

// Check audits the peg: claimed - burned = vault - unpaid (section 4.3). It refuses with a
// *spv.CheckError; a settler then signs nothing. Fees do not appear because burns bear
// them to the satoshi.
func (s Supply) Check() error {
	if s.Claimed < 0 || s.Burned < 0 || s.Vault < 0 || s.Unpaid < 0 {
		return refuse(CheckSupply, fmt.Sprintf("%+v", s), "no negative sum")
	}
	if s.Burned > s.Claimed {
		return refuse(CheckSupply, fmt.Sprintf("%d sat burned", s.Burned),
			fmt.Sprintf("at most the %d sat claimed", s.Claimed))
	}
	if s.Unpaid > s.Burned {
		return refuse(CheckSupply, fmt.Sprintf("%d sat of burns unpaid", s.Unpaid),
			fmt.Sprintf("at most the %d sat burned", s.Burned))
	}
	if layer, vault := s.Claimed-s.Burned, s.Vault-s.Unpaid; layer != vault {
		return refuse(CheckSupply, fmt.Sprintf("vault less unpaid %d sat", vault), fmt.Sprintf("claimed less burned %d sat", layer))
	}
	return nil
}

// Room returns how much more may be claimed under a cap (Peg.Cap), in L1 satoshis.
func (s Supply) Room(limit int64) int64 { return max(0, limit-(s.Claimed-s.Burned)) }
