package syncer

import (
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/pow"
)

// flatRules are those of a chain of one difficulty, which every second header meets.
func flatRules(spacing uint32) *spv.Rules {
	limit, _ := spv.ParseTarget(0x207fffff)
	return &spv.Rules{Name: "test", Work: pow.SHA256d, PowLimit: limit, ReorgLimit: 100,
		Eras: []spv.Era{{Retarget: spv.Fixed, Spacing: spacing}}, Genesis: spv.Header{72: 0xff, 73: 0xff, 74: 0x7f, 75: 0x20}}
}
