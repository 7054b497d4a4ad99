// Package prompt reads the prompts of AUTOMATIC1111's WebUI and of ComfyUI: which words
// weigh how much at which step.
//
//	p, err := prompt.Parse("a [red:blue:0.5] (house:1.3) AND a hill :0.5", prompt.A1111)
//	…
//	for _, c := range p.At(step, steps) {
//		fmt.Println(c.Weight, c.Text, c.Pieces)
//	}
//
// # The dialect A1111
//
//	(a)          attention to a times 1.1
//	[a]          attention to a divided by 1.1
//	(a:1.3)      attention to a times 1.3
//	\( \[ \\     the character after the backslash
//	a BREAK b    b begins another chunk of tokens
//	[a:b:0.5]    a up to half of the steps, then b
//	[a:b:7]      a up to step 7, then b; a number without a point counts steps
//	[b:7]        nothing up to step 7, then b
//	[a::7]       a up to step 7, then nothing
//	[a|b|c]      a, b and c by turns, one a step
//	a AND b :0.5 two conditions, of weight 1 and 0.5
//
// A prompt is split at AND first, whatever the brackets, then edits and alternations are
// resolved for a step, and attention is read from the text that this gives: an edit
// may change a weight. Brackets that do not fit are plain text to edits, and
// to attention open to the end of the text. As in WebUI, a | that is in no alternation makes
// plain text of all edits beside it. These are the rules of WebUI 1.10.
//
// # The dialect ComfyUI
//
//	(a)        attention to a times 1.1
//	(a:1.3)    attention to a 1.3, whatever is around it
//	\( \)      the bracket
//
// All else is text, square brackets and the words AND and BREAK, too.
//
// # Departures
//
// An edit is always one: where brackets or colons that fit no other stand beside it, WebUI's parser
// takes any of the readings that its grammar allows, sometimes that without the edit (with 12 of
// 2000 random prompts, and with the smiley of "[b:c:3]:)").
//
// White space and letters are as Unicode has them; numbers have the digits 0 to 9. What looks
// like a weight but is no finite number, such as 1.2.3 or inf, is text. More than
// MaxDepth brackets that are open at a time are an error. Time is linear in the
// length of a prompt.
//
// # Tokens
//
// A Chunker makes chunks of token ids with weights of a condition's pieces, as WebUI and ComfyUI do.
// Nothing here knows a model: what weights do to embeddings is left to the caller (package
// diffusion does it, see its Options.Syntax). All is plain data, and any number of goroutines may read it.
package prompt
