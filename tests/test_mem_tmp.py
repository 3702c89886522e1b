import tracemalloc
from datetime import UTC, datetime, timedelta
from connector.domain.verification import RunFilter
from connector.services.exports import csv_pieces
from tests.contract.test_runs import add_rows
from tests.harness import World
def test_mem(world: World):
    add_rows(world, 20000)
    runs = world.connector.services.runs
    for wanted_count in (1,):
        tracemalloc.start()
        n=0; peaks=[]
        for piece in csv_pieces(runs.all(world.tenant, RunFilter(provider_id=world.provider_id))):
            n+=len(piece)
            peaks.append(tracemalloc.get_traced_memory())
        snap = tracemalloc.take_snapshot()
        tracemalloc.stop()
        print("\n", n, len(peaks), peaks[:3], peaks[30:33], peaks[-3:])
        for s in snap.statistics("filename")[:8]: print(s)
