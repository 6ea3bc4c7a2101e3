# %% [markdown]
# # First steps
#
# Three bits are set and cleared by pulses, and the network says at every time step which way each was set last. A GRU
# learns to keep them: in which states, and how are these held?

# %%
import rnn_explorer as rx

run = rx.train("flip_flop", cell="gru", hidden_size=12, learning_rate=0.02, steps=300, progress=True)
run.evaluate()

# %% [markdown]
# A predictor that sees the present input alone cannot do better than `baseline`. What lies beyond has used memory.

# %%
run.curves()

# %% [markdown]
# ## One sequence
# The gates, and the hidden state of every unit, while the model reads the first probe sequence.

# %%
trace = run.trace(sequence=0)
update = trace.layer(0).gates["update"]  # (batch, time, hidden_size)
print(f"The update gate is above .9, and keeps the state, for {(update > 0.9).mean():.0%} of units and time steps.")
trace.figure("gates")

# %% [markdown]
# ## How far back does it remember?

# %%
memory = run.memory(sequence=0)
print(memory.figure("findings"))
memory.figure()

# %% [markdown]
# ## Where does it keep what it remembers?
# States that one time step leaves where they are while no pulse comes: three bits have 2 x 2 x 2 values.

# %%
points = run.fixed_points(inits=128)
print(points.sentence())
points.figure()

# %% [markdown]
# ## What if it could not write?
# From time step 20 to 30 all update gates are held at 1: the old state stays as it is, and a pulse goes unnoticed.

# %%
change = run.what_if(clamp=[("update", -1, 1.0, 20, 30)])
was, now = change.answer_words()
print(f"As trained, the model {was}. Changed, it {now}.")
change.figure("what_if_answer")

# %% [markdown]
# ## The same with other cells

# %%
for cell in ("rnn", "lstm", "gru"):
    found = rx.train("flip_flop", cell=cell, hidden_size=12, learning_rate=0.02, steps=100).evaluate()
    print(f"{cell:5} {found.metric_name} {found.metric:.3f}, baseline {found.baseline:.3f}")
