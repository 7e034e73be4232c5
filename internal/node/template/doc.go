// Package template builds blocks that want only their work: it chooses transactions by what their packages pay, makes
// the coinbase with room for an extranonce and for a merged-mining commitment, and puts a solved block together.
//
// It is pure: candidates, time and chain state are arguments. It never judges a transaction (a template of bad
// candidates is a bad block) and it never searches for work.
package template
