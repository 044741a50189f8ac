"""The record: every forecaster's forecast of a run, who is champion, scores of issued forecasts.

Forecasts that are there already were each the one that was served. Nobody can tell whether the clock that
issued them ran true, so they count as replays.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_KINDS = ("base-paths", "open-events")
_WALK = "rw"

_forecast = sa.table(
    "forecast",
    *(sa.column(name) for name in ("forecast_id", "series_id", "run_id", "recipe", "served", "replay")),
    sa.column("issued_at", _INSTANT),
    sa.column("header", sa.JSON),
)
_series = sa.table("series", sa.column("series_id"), sa.column("base_series"))
_fact = sa.table("run_fact", sa.column("run_id"), sa.column("series_id"), sa.column("kind"))


def upgrade() -> None:
    """Make the tables, and say of what is stored which forecaster it is by."""
    op.create_table(
        "promotion",
        sa.Column("promotion_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("champion", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=True),
        sa.Column("challenger", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('promoted', 'kept', 'demoted', 'rolled-back', 'removed')",
            name=op.f("ck_promotion_outcome"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_promotion_run_id_run")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.series_id"], name=op.f("fk_promotion_series_id_series")
        ),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotion")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_promotion_series_id_decided_at"), "promotion", ["series_id", "decided_at"])
    op.create_table(
        "forecast_score",
        sa.Column("forecast_score_id", sa.Integer(), nullable=False),
        sa.Column("forecast_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("vintage", sa.Integer(), nullable=False),
        sa.Column("ds", sa.Date(), nullable=False),
        sa.Column("actual", sa.Double(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("scale", sa.Double(), nullable=False),
        sa.Column("pinball", sa.Double(), nullable=False),
        sa.Column("walk_pinball", sa.Double(), nullable=True),
        sa.Column("inside_80", sa.Boolean(), nullable=False),
        sa.Column("inside_95", sa.Boolean(), nullable=False),
        sa.Column("direction", sa.Boolean(), nullable=True),
        sa.Column("regime", sa.String(), nullable=False),
        sa.Column("scored_at", _INSTANT, nullable=False),
        sa.CheckConstraint("vintage >= 1", name=op.f("ck_forecast_score_vintage")),
        sa.CheckConstraint("actual > 0", name=op.f("ck_forecast_score_actual")),
        sa.ForeignKeyConstraint(
            ["forecast_id"], ["forecast.forecast_id"], name=op.f("fk_forecast_score_forecast_id_forecast")
        ),
        sa.PrimaryKeyConstraint("forecast_score_id", name=op.f("pk_forecast_score")),
        sa.UniqueConstraint(
            "forecast_id", "step", "vintage", name=op.f("uq_forecast_score_forecast_id_step_vintage")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model_health",
        sa.Column("model_health_id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("judged_at", _INSTANT, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.series_id"], name=op.f("fk_model_health_series_id_series")
        ),
        sa.PrimaryKeyConstraint("model_health_id", name=op.f("pk_model_health")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_model_health_series_id_judged_at"), "model_health", ["series_id", "judged_at"])
    with op.batch_alter_table("forecast") as batch:
        batch.add_column(sa.Column("recipe", sa.String(), nullable=False, server_default=_WALK))
        batch.add_column(sa.Column("served", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch.add_column(sa.Column("replay", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch.drop_index("uq_forecast_run_id_series_id")
        batch.create_index(
            "uq_forecast_run_id_series_id_recipe", ["run_id", "series_id", "recipe"], unique=True
        )
    _name_recipes()
    with op.batch_alter_table("forecast") as batch:  # the defaults were for what was stored before
        for name, kind in (("recipe", sa.String()), ("served", sa.Boolean()), ("replay", sa.Boolean())):
            batch.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)


def _name_recipes() -> None:
    """A recipe for each stored forecast and its facts, and a decision for each that was a choice."""
    conn = op.get_bind()
    bases = {row.series_id: row.base_series for row in conn.execute(sa.select(_series))}
    rows = conn.execute(sa.select(_forecast).order_by(_forecast.c.issued_at, _forecast.c.forecast_id)).all()
    by_run = {(row.run_id, row.series_id): row.header.get("champion", _WALK) for row in rows}
    champion: dict[str, tuple[str, str | None]] = {}
    promotion = sa.table(
        "promotion",
        *(
            sa.column(name)
            for name in ("series_id", "run_id", "outcome", "champion", "previous", "reason", "author")
        ),
        sa.column("decided_at", _INSTANT),
        sa.column("evidence", sa.JSON),
    )
    for row in rows:
        base = bases.get(row.series_id)
        recipe = by_run.get((row.run_id, base or row.series_id), _WALK)
        conn.execute(
            sa.update(_forecast).where(_forecast.c.forecast_id == row.forecast_id).values(recipe=recipe)
        )
        for kind in _KINDS:
            conn.execute(
                sa.update(_fact)
                .where(_fact.c.run_id == row.run_id, _fact.c.series_id == row.series_id, _fact.c.kind == kind)
                .values(kind=f"{kind}:{recipe}")
            )
        if base is not None:
            continue
        before, previous = champion.get(row.series_id, (_WALK, None))
        changed = recipe != before
        champion[row.series_id] = (recipe, before if changed else previous)
        conn.execute(
            sa.insert(promotion).values(
                series_id=row.series_id,
                decided_at=row.issued_at,
                run_id=row.run_id,
                outcome="promoted" if changed else "kept",
                champion=recipe,
                previous=champion[row.series_id][1],
                reason=row.header.get("promotion_reason", ""),
                author="taken over from an earlier version",
                evidence={},
            )
        )


def downgrade() -> None:
    """Remove them, with every forecast that was not served and all that the record holds."""
    conn = op.get_bind()
    for name in ("model_health", "forecast_score", "promotion"):
        op.drop_table(name)
    conn.execute(sa.delete(_forecast).where(_forecast.c.served == sa.false()))
    for row in conn.execute(sa.select(_forecast)).all():
        for kind in _KINDS:
            conn.execute(
                sa.update(_fact)
                .where(
                    _fact.c.run_id == row.run_id,
                    _fact.c.series_id == row.series_id,
                    _fact.c.kind == f"{kind}:{row.recipe}",
                )
                .values(kind=kind)
            )
    conn.execute(sa.delete(_fact).where(_fact.c.kind.like("base-paths:%")))
    conn.execute(sa.delete(_fact).where(_fact.c.kind.like("open-events:%")))
    with op.batch_alter_table("forecast") as batch:
        batch.drop_index("uq_forecast_run_id_series_id_recipe")
        batch.create_index("uq_forecast_run_id_series_id", ["run_id", "series_id"], unique=True)
        for name in ("replay", "served", "recipe"):
            batch.drop_column(name)
