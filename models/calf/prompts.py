#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The questions that Calf's teacher answers: short talk, what things are, how to do them, small stories and letters.

    models/calf/prompts.py COUNT [--seed 1] > prompts.jsonl         COUNT are drawn, each is written once

All of them are put together here from lists and patterns, so that nobody else's text is in them. The fixed questions of
questions.txt are left out: Calf is asked them, and must not have learned them.
"""

import argparse
import json
import random
from pathlib import Path

THINGS = """gravity; photosynthesis; the water cycle; a volcano; an earthquake; the moon; the solar system; a black hole; electricity;
magnetism; a magnet; a computer; the internet; a web browser; an algorithm; a database; machine learning; artificial intelligence; a robot;
a programming language; Python; an operating system; a password; encryption; a battery; a solar panel; a wind turbine; a light bulb; a
telescope; a microscope; a compass; a thermometer; a clock; a calendar; a bicycle; a train; an airplane; a ship; a submarine; a bridge; a
tunnel; a dam; a lighthouse; a castle; a museum; a library; a school; a hospital; a bank; a market; a restaurant; a bakery; a farm; a garden;
a forest; a desert; a rainforest; an ocean; a river; a lake; an island; a mountain; a valley; a glacier; a cave; a beach; rain; snow; fog; wind; a
storm; a hurricane; a tornado; lightning; thunder; a rainbow; the sun; a star; a planet; a comet; the atmosphere; oxygen; carbon dioxide;
hydrogen; iron; gold; silver; copper; salt; sugar; a diamond; glass; paper; plastic; steel; concrete; wood; cotton; wool; silk; leather; bread;
cheese; butter; milk; honey; rice; pasta; pizza; soup; a sandwich; chocolate; coffee; tea; an apple; a banana; an orange; a lemon; a tomato; a
potato; a carrot; an onion; garlic; pepper; a vitamin; protein; a cell; DNA; a gene; a virus; a bacterium; the immune system; the heart; the
brain; the lungs; the skeleton; a muscle; blood; sleep; a dream; memory; stress; exercise; yoga; meditation; a healthy diet; a vaccine; a
doctor; a nurse; a teacher; an engineer; a scientist; a farmer; a chef; an artist; a writer; a musician; a pilot; a firefighter; a lawyer; a
judge; a mayor; democracy; a constitution; a law; an election; a tax; money; inflation; trade; a budget; a loan; insurance; a company; marketing;
a contract; history; geography; mathematics; a fraction; a triangle; a circle; a prime number; a percentage; probability; statistics; a graph;
physics; chemistry; biology; an atom; a molecule; energy; heat; light; sound; a wave; friction; pressure; density; speed; time; music; a
melody; rhythm; a piano; a guitar; a violin; a drum; a song; an opera; a painting; a sculpture; a photograph; a film; a theatre; a novel; a
poem; a fairy tale; a myth; a dictionary; grammar; a verb; a noun; a metaphor; a language; writing; the alphabet; a newspaper; the radio;
television; a telephone; a game; chess; football; basketball; tennis; swimming; a marathon; the Olympic Games; a cat; a dog; a horse; a cow; a
sheep; a pig; a chicken; a duck; an eagle; an owl; a penguin; a parrot; a whale; a dolphin; a shark; a salmon; an octopus; a crab; a spider; a
bee; a butterfly; an ant; a snake; a frog; a turtle; a crocodile; a dinosaur; an elephant; a lion; a tiger; a bear; a wolf; a fox; a rabbit; a
mouse; a monkey; a giraffe; a zebra; a kangaroo; a camel; a tree; a flower; a rose; grass; a mushroom; a seed; soil; pollution; recycling;
climate change; the greenhouse effect; biodiversity; an ecosystem; a food chain; evolution; a fossil; a map; a continent; the equator; a
time zone; a city; a village; a country; a border; a passport; a holiday; a birthday; a wedding; a festival; friendship; kindness; courage;
honesty; patience; gratitude; creativity; teamwork; leadership; responsibility; happiness; a habit; a goal; a mistake; a question"""

TASKS = """learn a new language; save money; sleep better; eat healthier; drink more water; start running; stay motivated; manage my time; study for an
exam; remember names; make new friends; be a good listener; speak in public; write a letter; write a story; write better emails; prepare for
a job interview; write a resume; ask for a raise; work from home; stay focused; reduce stress; deal with anger; be more patient; wake up
early; plan a trip; pack a suitcase; travel cheaply; plan a birthday party; choose a gift; cook rice; bake bread; make soup; make a salad; make
pancakes; make coffee; cook an egg; keep vegetables fresh; waste less food; grow tomatoes; take care of a plant; start a garden; take care of a
dog; train a puppy; take care of a cat; clean the kitchen; organize my desk; tidy my room; do laundry; remove a stain; paint a wall; fix a flat
tire; ride a bicycle safely; drive in the snow; save energy at home; save water; recycle at home; protect my computer; choose a strong password;
back up my files; learn to code; learn Python; fix a bug in a program; learn mathematics; read more books; remember what I read; take good
notes; learn to play the guitar; learn to draw; take better photos; write a poem; start a blog; start a small business; sell things online; make a
budget; pay off a debt; help my child with homework; teach a child to read; make a child laugh; be a good neighbour; help the environment; be a
good leader; work in a team; solve a conflict; say sorry; give feedback; say no politely; stay calm; be happy; build a habit; set goals; get
over a cold; treat a small burn; stretch after sport; lose weight; get stronger; learn to swim; keep warm in winter; stay cool in summer"""

PEOPLE = """a young farmer; an old sailor; a small robot; a lonely dragon; a brave mouse; a curious cat; a shy girl; a clever fox; a tired king; a kind
witch; a lost dog; a baker; a painter; a little star; a boy with a kite; a forgetful wizard; a blue bird; a teacher; a clockmaker; a snowman; a
girl who could fly; two brothers; a talking tree; a gardener; an astronaut; a princess; a gentle giant; a fisherman; a musician; a rabbit"""

EVENTS = """finds a map; loses a key; makes a new friend; learns to swim; finds a secret door; gets lost in a forest; helps a stranger; plants a magic
seed; travels to the moon; wins a race; tells the truth; is afraid of the dark; builds a boat; finds a letter; hears a strange song; meets a
ghost; saves a village; wakes up in another place; has a wish; keeps a promise; discovers an island; learns to share; misses the train"""

PLACES = """France; Germany; Italy; Spain; Portugal; Greece; Poland; Sweden; Norway; Finland; Denmark; Austria; Switzerland; Belgium; the Netherlands;
Ireland; Hungary; Romania; Turkey; Egypt; Morocco; Kenya; Nigeria; South Africa; Ethiopia; Ghana; India; China; Japan; South Korea; Thailand;
Vietnam; Indonesia; Australia; New Zealand; Canada; the United States; Mexico; Cuba; Brazil; Argentina; Chile; Peru; Colombia; Russia; Ukraine;
Israel; Iran; Saudi Arabia; Pakistan; Nepal; Mongolia; Iceland; Scotland; England; Wales"""

KINDS = """fruits; vegetables; animals that live in the sea; animals that live in the forest; birds; insects; flowers; trees; colors; planets; musical
instruments; sports; games for children; hobbies; jobs; things in a kitchen; tools; vehicles; inventions; famous cities; rivers; mountains;
programming languages; kinds of weather; healthy snacks; breakfast foods; desserts; drinks; books for children; school subjects; emotions; ways to
relax; ways to say hello; words that rhyme with cat; things to do on a rainy day; things to take on a camping trip; gifts for a friend; reasons to
read; reasons to exercise; parts of the body; parts of a computer; shapes; months with 31 days; materials; metals; languages; good habits"""

LETTERS = """asking for a day off; saying thank you for a gift; inviting a friend to dinner; saying that I will be late; asking for a refund; congratulating
a colleague; saying goodbye to my team; asking for help with a project; confirming a meeting; moving a meeting to Friday; complaining about a noisy
neighbour; apologizing for a mistake; applying for a job; recommending a student; asking a teacher a question; welcoming a new colleague;
reminding someone of a payment; ordering a cake; cancelling a subscription; telling good news"""

WHYS = """Why is the sky blue?; Why do leaves change color in autumn?; Why do we sleep?; Why do cats purr?; Why is the sea salty?; Why do birds migrate?;
Why do we need water?; Why does ice float?; Why do we have seasons?; Why is exercise good for us?; Why do people laugh?; Why do we dream?; Why do
stars twinkle?; Why is recycling important?; Why do bees make honey?; Why do we yawn?; Why is reading good for you?; Why do plants need light?; Why
do we have laws?; Why do people learn history?; Why are there time zones?; Why do dogs bark?; Why is the ocean blue?; Why do onions make us cry?;
Why do we brush our teeth?; Why does the moon change its shape?; Why do airplanes fly?; Why do ships float?; Why do we celebrate birthdays?; How
do fish breathe?; How do birds fly?; How does a refrigerator work?; How does a microwave work?; How do computers work?; How do vaccines work?; How
are clouds made?; How is paper made?; How is cheese made?; How is glass made?; How do bees find flowers?; How do plants drink?; How long do
elephants live?; How far away is the moon?; How many continents are there?; How many days are in a year?; What do pandas eat?; What do bees do in
winter?; What makes a good friend?; What makes a good story?; What is the largest animal?; What is the longest river?; What is the highest
mountain?; What is the fastest animal?; What is the smallest country?; What colors make green?; What happens when water boils?; Who wrote Romeo and
Juliet?; Who painted the Mona Lisa?; Who invented the telephone?; Who was Albert Einstein?; Who was Marie Curie?; Who was Isaac Newton?; Who was
Leonardo da Vinci?; Who was Cleopatra?; Who was Mozart?"""

TALK = """Hello!; Hi; Hi there, how are you?; Good morning!; Good evening; How are you today?; Who are you?; What is your name?; What can you do?; Can you help
me?; I need some help.; Tell me a joke.; Tell me something interesting.; Tell me a fun fact.; I am bored.; I am sad today.; I am happy today!; I had a
bad day.; I am tired.; I cannot sleep.; I am hungry. What should I eat?; What should I do this weekend?; Do you like music?; Do you have feelings?; Are
you a robot?; Are you a human?; Where do you live?; How old are you?; What is your favorite color?; What is your favorite animal?; Thank you!; Thanks
for your help.; Goodbye; See you tomorrow!; What do you think about rain?; Say something nice.; Give me some advice.; I passed my exam!; I lost my
job.; It is my birthday today!; I am nervous about tomorrow.; Can we talk?; Do you like cats or dogs?; What makes you happy?; Can you keep a secret?;
Nice to meet you.; I feel lonely.; I am learning to cook.; I want to learn something new.; What is the meaning of life?"""

ENDS = ["", "", "", " Answer in one sentence.", " Answer in two sentences.", " Please be brief.", " Keep it short.",
        " Explain it to a child.", " Use simple words."]


def split(text):
    return [" ".join(item.split()) for item in text.split(";")]


def plain(thing):
    for article in ("a ", "an ", "the "):
        if thing.startswith(article):
            return thing[len(article):]
    return thing


def patterns():
    """(weight, a function that draws a question)."""
    things, tasks, people, events, places, kinds, letters, whys, talk = map(
        split, (THINGS, TASKS, PEOPLE, EVENTS, PLACES, KINDS, LETTERS, WHYS, TALK))

    def fill(forms, **lists):
        def draw(chance):
            return chance.choice(forms).format(**{name: chance.choice(items) for name, items in lists.items()})
        return draw

    names = [plain(thing) for thing in things]
    about = ["What is {thing}?", "What is {thing}?", "Explain what {thing} is.", "Can you tell me about {thing}?", "Tell me about {thing}.",
             "How would you describe {thing}?", "Why is {thing} important?", "Give me a fact about {thing}.", "What is {thing} used for?",
             "Define {name}.", "Write a paragraph about {thing}.", "Give me an example of how {thing} matters in daily life."]

    def of_a_thing(chance):
        thing = chance.choice(things)
        return chance.choice(about).format(thing=thing, name=plain(thing)) + chance.choice(ENDS)

    def of_a_task(chance):
        form = chance.choice(["How can I {}?", "How do I {}?", "Give me three tips to {}.", "What is the best way to {}?", "I want to {}. Where do I start?",
                              "Give me some advice on how to {}.", "What do I need to {}?", "List the steps to {}.", "Help me {}."])
        return form.format(chance.choice(tasks)) + chance.choice(ENDS[:7])

    return [
        (30, of_a_thing), (18, of_a_task),
        (8, fill(["What is the difference between {one} and {two}?", "Compare {one} and {two}."], one=things, two=things)),
        (10, fill(["Write a short story about {who} who {what}.", "Tell me a story about {who} who {what}.",
                   "Write a story in three sentences about {who} who {what}."], who=people, what=events)),
        (5, fill(["Write a short poem about {name}.", "Write a haiku about {name}.", "Write four lines about {name}."], name=names)),
        (5, fill(["What is the capital of {place}?", "Tell me about {place}.", "What is {place} famous for?", "What food do people eat in {place}?",
                  "What language do people speak in {place}?", "What should I see in {place}?", "Where is {place}?"], place=places)),
        (6, fill(["List five {kind}.", "Name three {kind}.", "Give me a list of {kind}.", "What are some {kind}?"], kind=kinds)),
        (5, fill(["Write a short email {why}.", "Write a letter {why}.", "Help me write a message {why}."], why=letters)),
        (7, lambda chance: chance.choice(whys) + chance.choice(ENDS)),
        (6, lambda chance: chance.choice(talk)),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    fixed, written = set((Path(__file__).parent / "questions.txt").read_text().splitlines()), set()
    weights, drawers = zip(*patterns())
    for _ in range(arguments.count):
        question = None
        while question is None or question in fixed:
            question = chance.choices(drawers, weights)[0](chance)
        if question not in written:
            print(json.dumps({"prompt": question}))
        written.add(question)


if __name__ == "__main__":
    main()
