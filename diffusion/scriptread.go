package diffusion

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"math"
	"slices"

	prompts "sdgo/diffusion/prompt"
)

// maxChunks is how many chunks the texts of a prompt may have together: a hundred thousand
// words, or a thousand texts by turns.
const maxChunks = 4096

// readScripts reads the prompts of a call's conditions in the options' syntax, for a number of
// positions. Conditions that are said in plain words or by embeddings have no script, and
// neither has a model that reads no text.
func (p *Pipeline) readScripts(ctx context.Context, o *Options, text string, conditions []Condition, positions int) (map[spot]*script, error) {
	if err := o.Syntax.check(); err != nil || o.Syntax == SyntaxPlain || len(p.textStages()) == 0 {
		return nil, err
	}
	scripts, most := map[spot]*script{}, 0
	for at, w := range o.wordings(text, conditions) {
		if w.given != nil {
			continue
		}
		s, err := p.readScript(ctx, o.Syntax, at, w, positions)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("diffusion: %s: %w", w.name, err)
		}
		s.own = s.longest()
		scripts[at], s.chunks, most = s, s.own, max(most, s.own)
	}
	if o.Syntax == SyntaxWebUI {
		for _, s := range scripts {
			s.chunks = most
		}
	}
	return scripts, nil
}

// wordings are those of a call's prompts, and of its regions.
func (o *Options) wordings(text string, conditions []Condition) iter.Seq2[spot, wording] {
	return func(yield func(spot, wording) bool) {
		for _, c := range conditions {
			if !yield(spot{0, c}, o.wording(c, text)) {
				return
			}
			for i, region := range o.Regions[:min(len(o.Regions), maxRegions)] {
				if w, ok := newPlace(i+1, region).wording(c, o); ok && !yield(spot{i + 1, c}, w) {
					return
				}
			}
		}
	}
}

// readScript reads one prompt.
func (p *Pipeline) readScript(ctx context.Context, syntax Syntax, at spot, w wording, positions int) (*script, error) {
	s := &script{syntax: syntax, zeros: syntax == SyntaxWebUI && p.xl() && at.condition == Uncond && w.words+w.other == ""}
	parse := prompts.Parse
	if at.condition == Uncond {
		parse = prompts.ParseWhole
	}
	main, err := parse(w.words, syntax.dialect())
	if err != nil {
		return nil, err
	}
	other := main
	if w.other != "" {
		if other, err = parse(w.other, syntax.dialect()); err != nil {
			return nil, fmt.Errorf("for the second text encoder: %w", err)
		}
		if n := len(other.Parts); n != 1 && n != len(main.Parts) {
			return nil, fmt.Errorf("for the second text encoder: have %d parts between AND, want 1 or %d, as for the first", n, len(main.Parts))
		}
	}
	read := 0
	for i, part := range main.Parts {
		sources := []prompts.Part{part, other.Parts[min(i, len(other.Parts)-1)]}
		if w.other == "" {
			sources = sources[:1]
		}
		x, err := p.readPart(ctx, syntax, sources, positions, &read)
		if err != nil && len(main.Parts) > 1 {
			err = fmt.Errorf("part %d between AND: %w", i+1, err)
		}
		if err != nil {
			return nil, err
		}
		if x.weight = part.Weight; math.Abs(x.weight) > maxGuidance {
			return nil, fmt.Errorf("part %d between AND: have a weight of %v, want -%d to %d", i+1, x.weight, maxGuidance, maxGuidance)
		}
		s.parts = append(s.parts, x)
	}
	return s, nil
}

// readPart reads what a part says over the run. There is one source for all text encoders, or
// one for each of two. Read counts chunks.
func (p *Pipeline) readPart(ctx context.Context, syntax Syntax, sources []prompts.Part, positions int, read *int) (x scriptPart, err error) {
	for _, source := range sources {
		for end := range source.Schedule(positions) {
			x.ends = append(x.ends, end)
		}
	}
	if len(sources) > 1 {
		slices.Sort(x.ends)
		x.ends = slices.Compact(x.ends)
	}
	known := map[[sha256.Size]byte]int{}
	for _, end := range x.ends {
		if err := ctx.Err(); err != nil {
			return x, err
		}
		var texts []string
		h := sha256.New()
		for _, source := range sources {
			texts = append(texts, source.Text(end, positions))
			sum := sha256.Sum256([]byte(texts[len(texts)-1]))
			h.Write(sum[:])
		}
		key := [sha256.Size]byte(h.Sum(nil))
		i, ok := known[key]
		if !ok {
			t, err := p.readText(ctx, syntax, texts)
			if err == nil {
				if *read += len(t.chunks[0]); *read > maxChunks {
					err = fmt.Errorf("have more than %d chunks of tokens in all texts, want fewer", maxChunks)
				}
			}
			if err != nil && len(x.ends) > 1 {
				err = fmt.Errorf("as it is up to step %d of %d: %w", end, positions, err)
			}
			if err != nil {
				return x, err
			}
			i = len(x.texts)
			known[key], x.texts = i, append(x.texts, t)
		}
		x.which = append(x.which, i)
		x.texts[i].times++
	}
	return x, p.fill(syntax, x.texts)
}

// readText divides a text into chunks for each text encoder.
func (p *Pipeline) readText(ctx context.Context, syntax Syntax, texts []string) (t scriptText, err error) {
	for i, s := range p.textStages() {
		chunks, err := s.chunks(ctx, syntax, texts[min(i, len(texts)-1)])
		if err != nil {
			return t, err
		}
		t.chunks = append(t.chunks, chunks)
	}
	return t, nil
}

// fill adds empty chunks, so that all texts have as many for each text encoder.
func (p *Pipeline) fill(syntax Syntax, texts []scriptText) error {
	most := 0
	for _, t := range texts {
		for _, chunks := range t.chunks {
			most = max(most, len(chunks))
		}
	}
	for i, s := range p.textStages() {
		empty, err := s.chunks(context.Background(), syntax, "")
		if err != nil {
			return err
		}
		for _, t := range texts {
			for len(t.chunks[i]) < most {
				t.chunks[i] = append(t.chunks[i], empty[0])
			}
		}
	}
	return nil
}

// chunks divides a text into chunks with weights.
func (s textStage) chunks(ctx context.Context, syntax Syntax, text string) ([]prompts.Chunk, error) {
	pieces, err := prompts.Weigh(text, syntax.dialect())
	if err != nil {
		return nil, err
	}
	t, failed := s.tokenizer, error(nil)
	chunker := prompts.Chunker{
		BOS: t.BOS, EOS: t.EOS, Pad: t.Pad, Length: t.MaxLength, Dialect: syntax.dialect(), Together: t.Together,
		Tokens: func(text string) (ids []int) {
			text, err := t.Expand(ctx, text)
			if err == nil {
				ids, err = t.TokensContext(ctx, text)
			}
			failed = cmp.Or(failed, err)
			return ids
		},
	}
	chunks, err := chunker.Chunks(pieces)
	if err := cmp.Or(failed, err); err != nil {
		return nil, err
	}
	for _, c := range chunks {
		if err := s.known(c.IDs); err != nil {
			return nil, err
		}
	}
	return chunks, nil
}

// known wants ids that the text encoder knows.
func (s textStage) known(ids []int) error {
	for _, id := range ids {
		if size := s.encoder.Config.VocabSize; id >= size {
			token, _ := s.tokenizer.Token(id)
			return fmt.Errorf("have token %.80q with id %d, which the text encoder does not know: it has embeddings of %d tokens (vocab_size)", token, id, size)
		}
	}
	return nil
}
