package io.parley.workers.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.AnswerForm.JsonFormat;
import io.parley.routing.protocol.AnswerForm.Tool;
import io.parley.routing.protocol.AnswerForm.ToolUse;
import io.parley.routing.protocol.TenantId;
import io.parley.workers.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConstraintTest {
  private static final Tool ADD =
      new Tool(
          "add",
          Optional.empty(),
          "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}");
  private static final Tool PING =
      new Tool("ping", Optional.of("Pings."), "{\"type\":\"object\",\"properties\":{}}");

  private final ByteVocabulary vocabulary = new ByteVocabulary();
  private final Constraints constraints =
      new Constraints(vocabulary, vocabulary.vocabularySize() + 9, 2);

  private Constraint json(String schema) {
    return begin(AnswerForm.of(new JsonFormat("", Optional.of(schema.replace('\'', '"')))));
  }

  private Constraint begin(AnswerForm form) {
    return constraints.begin(TenantId.DEFAULT, form).orElseThrow();
  }

  /** Whether the text may be a whole answer. */
  private boolean whole(Constraint constraint, String text) {
    return reaches(constraint, text) && has(constraint.mask(), vocabulary.end());
  }

  private boolean reaches(Constraint constraint, String text) {
    for (int id : vocabulary.encode(text, false)) {
      if (!constraint.accept(id)) {
        return false;
      }
    }
    return true;
  }

  private static boolean has(long[] mask, int id) {
    return (mask[id >> 6] >>> id & 1) != 0;
  }

  // schema; text (with ' for "); whether it is whole
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{'type':'integer'}; -0; true",
        "{'type':'integer'}; 01; false",
        "{'type':'integer'}; 1.0; false",
        "{'type':'integer','minimum':5,'maximum':120}; 4; false",
        "{'type':'integer','minimum':5,'maximum':120}; 5; true",
        "{'type':'integer','minimum':5,'maximum':120}; 120; true",
        "{'type':'integer','minimum':5,'maximum':120}; 121; false",
        "{'type':'integer','exclusiveMaximum':-3}; -3; false",
        "{'type':'integer','exclusiveMaximum':-3}; -4; true",
        "{'type':'integer','exclusiveMaximum':-3}; 4; false",
        "{'type':'number','minimum':-1.5,'exclusiveMaximum':0.25}; -1.5; true",
        "{'type':'number','minimum':-1.5,'exclusiveMaximum':0.25}; -1.51; false",
        "{'type':'number','minimum':-1.5,'exclusiveMaximum':0.25}; 0.2499; true",
        "{'type':'number','minimum':-1.5,'exclusiveMaximum':0.25}; 0.25; false",
        "{'type':'number','minimum':-1.5,'exclusiveMaximum':0.25}; 0.2500; false",
        "{'type':'number','exclusiveMinimum':0}; 0.0; false",
        "{'type':'number','exclusiveMinimum':0}; 0.001; true",
        "{'type':'number','minimum':10}; 1e3; false",
        "{'type':'number'}; 1e3; true",
        "{'type':'string','minLength':2,'maxLength':2}; '日é'; true",
        "{'type':'string','minLength':2,'maxLength':2}; '日'; false",
        "{'type':'string','minLength':1,'maxLength':1}; '\\ud83d\\ude00'; true",
        "{'type':'string'}; '\\ud83d'; false",
        "{'type':'string'}; '\\ud83dx'; false",
        "{'type':'string'}; '\\u00e9\\n'; true",
        "{'type':'string'}; '\\x'; false",
        "{'type':'string','pattern':'^a{2,3}$'}; 'aaa'; true",
        "{'type':'string','pattern':'^a{2,3}$'}; 'aaaa'; false",
        "{'type':'array','items':{'type':'null'},'maxItems':0}; []; true",
        "{'type':'array','items':{'type':'null'},'maxItems':0}; [null]; false",
        "{'const':{'a':[1,'x']}}; {'a':[1,'x']}; true",
        "{'enum':['a','b'],'type':'string'}; 'b'; true",
        "{'properties':{'a':true,'b':true},'required':['b']}; {'b':[{}]}; true",
        "{'properties':{'a':true,'b':true},'required':['b']}; {'a':1}; false",
        "{'properties':{'a':true,'b':true},'required':['b']}; {'b':1,'a':1}; false",
        "{'properties':{'a':true},'additionalProperties':{'type':'null'}}; {'b':null}; true",
        "{'properties':{'a':true},'additionalProperties':{'type':'null'}}; {'a':1,'ab':null}; true",
        "{'properties':{'a':true},'additionalProperties':{'type':'null'}}; {'b':null,'a':null}; false",
        "{'required':['z']}; {'z':1,'y':2}; true",
        "{'required':['z']}; {'y':2}; false",
        "true; {'any': [1, {'thing': null}]}; true",
        "{'allOf':[{'type':'null'}]}; null; true",
        "{'format':'date','type':'string'}; 'x'; true",
      })
  void aSchemaSaysWhatIsWhole(String schema, String text, boolean expected) {
    assertThat(whole(json(schema), text.replace('\'', '"'))).isEqualTo(expected);
  }

  // schema (with ' for "); kind; path
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{'oneOf':[true]}; UNSUPPORTED; oneOf",
        "{'type':'object','properties':{'a':{'not':{}}}}; UNSUPPORTED; properties.a.not",
        "{'type':'array','items':{'anyOf':[{},{'uniqueItems':true}]}}; UNSUPPORTED; items.anyOf[1].uniqueItems",
        "{'$ref':'other.json'}; UNSUPPORTED; $ref",
        "{'$ref':'#/$defs/x'}; INVALID; $ref",
        "{'$ref':'#'}; INVALID; ``",
        "{'type':'object','properties':{'a':{'$ref':'#'}},'required':['a']}; INVALID; ``",
        "{'anyOf':[{'$ref':'#'},{'type':'null'}]}; INVALID; ``",
        "{'type':'wizard'}; INVALID; type",
        "{'type':[]}; INVALID; type",
        "{'type':'string','minLength':3,'maxLength':2}; INVALID; maxLength",
        "{'type':'string','minLength':-1}; INVALID; minLength",
        "{'type':'string','maxLength':1e999}; INVALID; maxLength",
        "{'type':'string','maxLength':1000000}; TOO_LARGE; maxLength",
        "{'type':'string','pattern':'(a'}; INVALID; pattern",
        "{'type':'string','pattern':'a)'}; INVALID; pattern",
        "{'type':'string','pattern':'(?=a)'}; UNSUPPORTED; pattern",
        "{'type':'string','pattern':'^a|b$'}; UNSUPPORTED; pattern",
        "{'type':'string','pattern':'a','minLength':1}; UNSUPPORTED; pattern",
        "{'type':'object','properties':{},'required':['a']}; INVALID; required",
        "{'enum':[]}; INVALID; enum",
        "{'enum':[1],'type':'string'}; INVALID; enum",
        "{'enum':[1],'minimum':1}; UNSUPPORTED; minimum",
        "{'type':'integer','minimum':2,'maximum':1}; INVALID; ``",
        "false; INVALID; ``",
        "7; INVALID; ``",
      })
  void aSchemaThatCannotBeHeldToIsRefusedWithItsPlace(String schema, String kind, String path) {
    assertThatThrownBy(() -> json(schema))
        .isInstanceOfSatisfying(
            SchemaException.class,
            e -> {
              assertThat(e.kind().name()).isEqualTo(kind);
              assertThat(e.path()).isEqualTo(path);
            });
  }

  @Test
  void depthIsBoundedAndNeverADeadEnd() {
    String tree =
        "{'type':'object','properties':{'c':{'type':'array','items':{'$ref':'#'}}},'required':['c']}";
    Constraint constraint = json(tree);
    int depth = 0;
    while (reaches(constraint, "{\"c\":[")) {
      depth++;
    }
    assertThat(depth).isBetween(20, 100);
    // the last list could not begin another object: what was begun can be ended
    for (; depth > 0; depth--) {
      assertThat(reaches(constraint, "]")).isTrue();
      assertThat(reaches(constraint, "}")).isTrue();
    }
    assertThat(constraint.complete()).isTrue();
  }

  @Test
  void anAmbiguousSchemaIsHeldToWithinBounds() {
    String twice = "{'anyOf':[%s,%s]}";
    String schema = "{'type':'object','properties':{'x':%s},'required':['x']}";
    String one = schema.formatted("{'type':'integer'}");
    String other = schema.formatted("{'type':'number'}");
    for (int i = 0; i < 7; i++) {
      String inner = twice.formatted(one, other);
      one = "{'type':'array','minItems':1,'items':" + inner + "}";
      other = "{'type':'array','maxItems':9,'items':" + inner + "}";
    }
    Constraint constraint = json(one);
    assertThat(reaches(constraint, "[[[[[[[")).isTrue();
    assertThat(reaches(constraint, "{\"x\":1")).isTrue();
  }

  @Test
  void aSchemaOfTheLargestSizeIsCompiledAndUsed() {
    StringBuilder properties = new StringBuilder();
    for (int i = 0; i < 256; i++) {
      String value =
          i % 2 == 0
              ? "{'type':'integer','minimum':-123456789012345678,'maximum':987654321012345678}"
              : "{}";
      properties.append(i > 0 ? "," : "").append("'property").append(i).append("':").append(value);
    }
    String schema = "{'type':'object','properties':{" + properties + "}}";
    assertThat(whole(json(schema), "{\"property2\":-5,\"property254\":7,\"property255\":[]}"))
        .isTrue();
    assertThat(reaches(json(schema), "{\"property3\":1,\"property2\"")).isFalse();
    assertThatThrownBy(() -> json(schema.replace("'property0'", "'one more':{},'property0'")))
        .isInstanceOf(SchemaException.class);
    assertThatThrownBy(() -> json("{'anyOf':[" + "{},".repeat(64) + "{}]}"))
        .isInstanceOf(SchemaException.class);
  }

  @Test
  void tokensOverTheEdgesOfCharactersFit() {
    Constraint constraint = json("{'type':'object','properties':{'a':{'type':'string'},'b':true}}");
    assertThat(reaches(constraint, "{\"a\":\"")).isTrue();
    int most = 256 + indexOf(new byte[] {(byte) 0xe6, (byte) 0x97});
    int end = 256 + indexOf(new byte[] {(byte) 0xa5, '"', ','});
    assertThat(has(constraint.mask(), most)).isTrue();
    assertThat(has(constraint.mask(), end)).isFalse();
    assertThat(constraint.accept(most)).isTrue();
    assertThat(has(constraint.mask(), '"')).isFalse(); // in the middle of a character
    assertThat(has(constraint.mask(), end)).isTrue();
    assertThat(constraint.accept(end)).isTrue();
    assertThat(reaches(constraint, "\"b\":1}")).isTrue();
    assertThat(constraint.complete()).isTrue();
    assertThat(constraint.mask()[vocabulary.end() >> 6] >>> vocabulary.end() & 1).isEqualTo(1);
  }

  private int indexOf(byte[] bytes) {
    for (int id = 256; id < vocabulary.vocabularySize(); id++) {
      if (java.util.Arrays.equals(vocabulary.bytes(id), bytes)) {
        return id - 256;
      }
    }
    throw new AssertionError();
  }

  @Test
  void aCallThatMustBeIsAllThereIs() {
    AnswerForm form =
        new AnswerForm(Optional.empty(), List.of(ADD, PING), ToolUse.REQUIRED, Optional.empty());
    assertThat(whole(begin(form), AnswerForm.call("add", "{\"a\": 5}"))).isTrue();
    assertThat(whole(begin(form), AnswerForm.call("ping", "{}"))).isTrue();
    assertThat(reaches(begin(form), AnswerForm.call("ping", "{\"a\""))).isFalse();
    assertThat(reaches(begin(form), AnswerForm.call("pong", ""))).isFalse();
    assertThat(reaches(begin(form), "H")).isFalse();
    AnswerForm named =
        new AnswerForm(Optional.empty(), List.of(ADD, PING), ToolUse.REQUIRED, Optional.of("add"));
    assertThat(reaches(begin(named), AnswerForm.call("ping", "{}"))).isFalse();
    assertThat(whole(begin(named), AnswerForm.call("add", "{\"a\":5}"))).isTrue();
  }

  @Test
  void aCallThatMayBeComesBehindAnyText() {
    AnswerForm form =
        new AnswerForm(Optional.empty(), List.of(ADD), ToolUse.AUTO, Optional.empty());
    assertThat(whole(begin(form), "Hello <tool_cal <<tool_ca")).isTrue();
    Constraint called = begin(form);
    assertThat(whole(called, "Let me see.\n<" + AnswerForm.call("add", "{\"a\":-7}"))).isTrue();
    assertThat(called.complete()).isTrue();
    assertThat(reaches(begin(form), "<tool_call> and on")).isFalse();
    Constraint free = begin(form);
    assertThat(free.accept(200)).isTrue(); // half a character, as any model may write it
    int control = vocabulary.vocabularySize() - 2;
    assertThat(has(free.mask(), control)).isFalse();
  }

  @Test
  void jsonOrACallIsOneOfTheTwo() {
    AnswerForm form =
        new AnswerForm(
            Optional.of(new JsonFormat("", Optional.empty())),
            List.of(ADD),
            ToolUse.AUTO,
            Optional.empty());
    assertThat(whole(begin(form), "{\"x\": 1}")).isTrue();
    assertThat(whole(begin(form), AnswerForm.call("add", "{\"a\":1}"))).isTrue();
    assertThat(reaches(begin(form), "Hi")).isFalse();
  }

  @Test
  void toolsThatMayNotBeCalledHoldToNothing() {
    AnswerForm form =
        new AnswerForm(Optional.empty(), List.of(ADD), ToolUse.NONE, Optional.empty());
    assertThat(constraints.begin(TenantId.DEFAULT, form)).isEmpty();
  }

  @Test
  void aVocabularyThatCannotSayItHasAnEmptyMask() {
    Tokenizer letters =
        new Tokenizer() {
          @Override
          public int[] encode(String text, boolean parseSpecial) {
            return new int[0];
          }

          @Override
          public byte[] bytes(int id) {
            return String.valueOf((char) ('a' + id)).getBytes(StandardCharsets.UTF_8);
          }

          @Override
          public Set<Integer> endOfGeneration() {
            return Set.of();
          }

          @Override
          public int vocabularySize() {
            return 26;
          }
        };
    AnswerForm form = AnswerForm.of(new JsonFormat("", Optional.of("{\"type\":\"integer\"}")));
    Constraint constraint =
        new Constraints(letters, 26, 1).begin(TenantId.DEFAULT, form).orElseThrow();
    assertThat(constraint.mask()).containsOnly(0);
  }

  @Test
  void formsAreKeptForEachTenantAlone() {
    AnswerForm form = AnswerForm.of(new JsonFormat("", Optional.empty()));
    Constraint first = begin(form);
    assertThat(begin(form).mask()).isSameAs(first.mask());
    Constraint other = constraints.begin(new TenantId("other"), form).orElseThrow();
    assertThat(other.mask()).isEqualTo(first.mask()).isNotSameAs(first.mask());
  }

  @Test
  void whatIsForgottenIsMadeAgain() {
    // more states than are kept
    Constraint constraint = json("{'type':'string','maxLength':20000}");
    assertThat(reaches(constraint, "\"" + "ab".repeat(10_000) + "\"")).isTrue();
    assertThat(constraint.complete()).isTrue();
    Constraint tooLong = json("{'type':'string','maxLength':20000}");
    assertThat(reaches(tooLong, "\"" + "ab".repeat(10_000) + "c")).isFalse();
  }
}
