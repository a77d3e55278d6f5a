package io.parley.workers.constraint;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import java.util.ArrayList;
import java.util.List;

/**
 * The grammar of a form. A call stands in an answer as {@link AnswerForm#call} writes it, for every
 * model; it ends the answer. Where a model may call a tool, its answer may begin with other text,
 * and is a call from the first {@code <tool_call>} on.
 */
final class FormCompiler {
  private static final String MARK = "<tool_call>";

  private FormCompiler() {}

  /**
   * Compiles.
   *
   * @throws SchemaException when a schema cannot be held to
   */
  static Grammar compile(AnswerForm form, int tokenBytesMax) {
    Exprs exprs = new Exprs();
    JsonPieces pieces = new JsonPieces(exprs);
    List<Expr> options = new ArrayList<>();
    form.json().ifPresent(json -> options.add(json(json, exprs, pieces)));
    List<Tool> tools = form.callable();
    if (!tools.isEmpty()) {
      Expr call = call(tools, exprs, pieces);
      if (form.toolUse() == ToolUse.REQUIRED) {
        options.clear();
        options.add(exprs.seq(exprs.literal(MARK), call));
      } else if (options.isEmpty()) {
        options.add(textUntil(call, exprs));
      } else {
        options.add(exprs.seq(exprs.literal(MARK), call));
      }
    }
    return new Grammar(exprs, exprs.alt(options), tokenBytesMax);
  }

  private static Expr json(JsonFormat json, Exprs exprs, JsonPieces pieces) {
    return json.schema()
        .map(schema -> SchemaCompiler.compile(SchemaCompiler.parse(schema), exprs, pieces))
        .orElseGet(pieces::object);
  }

  /** A call behind its mark. */
  private static Expr call(List<Tool> tools, Exprs exprs, JsonPieces pieces) {
    List<Expr> calls = new ArrayList<>();
    for (Tool tool : tools) {
      calls.add(
          exprs.seq(
              exprs.literal(tool.name() + AnswerForm.CALL_ARGUMENTS),
              SchemaCompiler.compile(SchemaCompiler.parse(tool.parameters()), exprs, pieces)));
    }
    return exprs.seq(
        exprs.literal(AnswerForm.CALL_BEGIN.substring(MARK.length())),
        exprs.alt(calls),
        exprs.literal(AnswerForm.CALL_END));
  }

  /** Any bytes; once the mark is there, what {@code behind} says. Its first byte is only there. */
  private static Expr textUntil(Expr behind, Exprs exprs) {
    Expr.Rule[] read = new Expr.Rule[MARK.length()]; // so many bytes of the mark
    for (int i = 0; i < read.length; i++) {
      read[i] = exprs.rule();
    }
    ByteSet first = ByteSet.of(MARK.charAt(0));
    for (int i = 0; i < read.length; i++) {
      ByteSet next = ByteSet.of(MARK.charAt(i));
      List<Expr> options = new ArrayList<>();
      options.add(exprs.empty);
      options.add(exprs.seq(exprs.bytes(next), i + 1 < read.length ? read[i + 1] : behind));
      options.add(exprs.seq(exprs.bytes(ByteSet.ALL.minus(first).minus(next)), read[0]));
      if (i > 0) {
        options.add(exprs.seq(exprs.bytes(first), read[1]));
      }
      exprs.define(read[i], exprs.alt(options));
    }
    return read[0];
  }
}
